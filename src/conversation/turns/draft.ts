import { type ConversationRules, statusAfter } from "../../../machines/conversation-rules.ts";
import type { Turn } from "../../ports/conversation/bot.ts";
import type { BotLogLine } from "../../ports/conversation/bot-log.ts";
import type { ReplySender } from "../../ports/conversation/conversation-store.ts";
import type { LoadedSession, TurnRecord } from "../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { MediaReader } from "../../ports/telegram/media.ts";
import type { MenuStyle, ResolvedInput } from "./menu.ts";
import { type Draft, OfferedTurn } from "./bot-turn.ts";
import { keptState, readState } from "./kept-state.ts";
import type { StepRunner } from "./steps.ts";

/** A turn in progress: the bot's view of it, and the record of the bot's requests. */
export interface TurnDraft {
  readonly turn: Turn;
  /** Closes the turn and answers the record to commit. Later calls of the bot are refused. */
  seal(): TurnRecord;
  /** Closes the turn without a record: later calls of the bot are refused, and `turn.signal` aborts. */
  end(reason: unknown): void;
}

/** The record of a session that a person has taken over: the message alone. */
export function recordWithoutBot(
  item: InboundItem,
  session: LoadedSession,
  sentBy: ReplySender,
  rules: ConversationRules,
): TurnRecord {
  const { snapshot, context } = session;
  const status = statusAfter(rules, session, null);
  const said = { text: item.text, snapshot, context, status, progress: undefined };
  return recordOf(item, session, { ...said, toolOutputs: [], replies: [], sentBy });
}

export function createTurnDraft(material: {
  readonly item: InboundItem;
  readonly session: LoadedSession;
  readonly resolved: ResolvedInput;
  readonly style: MenuStyle;
  readonly sentBy: ReplySender;
  readonly steps: StepRunner;
  readonly media: MediaReader;
  readonly rules: ConversationRules;
  log(line: BotLogLine): void;
}): TurnDraft {
  const { item, session, resolved, style, sentBy, steps, media, rules, log } = material;
  const { snapshot } = session;
  const draft: Draft = {
    state: readState(snapshot),
    context: session.context,
    progress: undefined,
    asked: null,
    toolOutputs: [],
    replies: [],
    stickyMenu: undefined,
    sealed: false,
    ending: null,
    ended: null,
  };
  return {
    end(reason) {
      draft.sealed = true;
      draft.ended = { reason };
      draft.ending?.abort(reason);
    },
    turn: new OfferedTurn(
      { item, session, input: resolved.input, style, steps, media, log },
      draft,
    ),
    seal() {
      draft.sealed = true;
      const { state, context, progress, asked, toolOutputs, replies, stickyMenu } = draft;
      const { text } = resolved;
      const kept = keptState(snapshot, state, stickyMenu);
      return recordOf(item, session, {
        text,
        snapshot: kept,
        context,
        progress,
        status: statusAfter(rules, session, asked),
        toolOutputs,
        replies,
        sentBy,
      });
    },
  };
}

type Asked = Pick<
  TurnRecord,
  "text" | "snapshot" | "context" | "status" | "toolOutputs" | "replies" | "sentBy"
> & { readonly progress: TurnRecord["progress"] | undefined };

/** Field by field: there is one for every message. */
function recordOf(item: InboundItem, session: LoadedSession, asked: Asked): TurnRecord {
  const { channel, account, chatUser, inboundId, peer, media } = item;
  const { text, snapshot, context, status, toolOutputs, replies, progress, sentBy } = asked;
  return {
    channel,
    account,
    chatUser,
    session,
    inboundId,
    peer,
    text,
    media,
    snapshot,
    context,
    progress,
    toolOutputs,
    replies,
    status,
    sentBy,
  };
}
