import { type ConversationRules, statusAfter } from "../../../machines/conversation-rules.ts";
import type { Turn } from "../../ports/conversation/bot.ts";
import type { TurnAnswer, TurnMaterial } from "../../ports/conversation/bot-runner.ts";
import {
  type LoadedSession,
  type ReplySender,
  toolOutputsMax,
  type TurnRecord,
} from "../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import { deriveRandomId } from "../outbox/random-id.ts";
import { type Draft, OfferedTurn } from "./bot-turn.ts";
import { keptState } from "./kept-state.ts";
import type { ResolvedInput } from "./menu.ts";

/** A turn in progress: the bot's view of it, and the bot's requests. */
export interface TurnDraft {
  readonly turn: Turn;
  /** Closes the turn and answers the bot's requests. Its later calls are refused. */
  seal(): TurnAnswer;
  /** Closes the turn without an answer: later calls of the bot are refused, and `turn.signal` aborts. */
  end(reason: unknown): void;
}

export function createTurnDraft(material: TurnMaterial): TurnDraft {
  const draft: Draft = {
    state: undefined,
    context: undefined,
    progress: undefined,
    asked: null,
    toolOutputs: [],
    replies: [],
    stickyReply: undefined,
    sealed: false,
    ending: null,
    ended: null,
  };
  return {
    turn: new OfferedTurn(material, draft),
    seal() {
      draft.sealed = true;
      return draft;
    },
    end(reason) {
      draft.sealed = true;
      draft.ended = { reason };
      draft.ending?.abort(reason);
    },
  };
}

/** What a record takes from its message, beside the bot's requests. */
export interface RecordMaterial {
  readonly item: InboundItem;
  readonly session: LoadedSession;
  readonly sentBy: ReplySender;
  readonly rules: ConversationRules;
}

/** The record of a session that a person has taken over: the message alone. */
export function recordWithoutBot({ item, session, sentBy, rules }: RecordMaterial): TurnRecord {
  const { snapshot, context } = session;
  const status = statusAfter(rules, session, null);
  const said = { text: item.text, snapshot, context, status, progress: undefined };
  return recordOf(item, session, { ...said, toolOutputs: [], replies: [], sentBy });
}

/** The record of a turn. The numbers and the ids of what the bot asked for are given here. */
export function recordOfAnswer(
  { item, session, sentBy, rules }: RecordMaterial,
  { text }: Pick<ResolvedInput, "text">,
  answer: TurnAnswer,
): TurnRecord {
  const { state, context, progress, asked, stickyReply } = answer;
  const userSeq = session.lastSeq + 1;
  const sticky = stickyReply === undefined ? undefined : userSeq + stickyReply;
  const snapshot = keptState(session.snapshot, state ?? null, sticky);
  return recordOf(item, session, {
    text,
    snapshot,
    context: context ?? session.context,
    progress,
    status: statusAfter(rules, session, asked),
    toolOutputs: answer.toolOutputs.map(({ name, output }, index) => ({
      seq: userSeq * toolOutputsMax + index,
      name,
      output,
    })),
    replies: answer.replies.map(({ body, menu }, index) => ({
      seq: userSeq + 1 + index,
      body,
      menu,
      randomId: deriveRandomId(item.account, item.chatUser, item.inboundId, index),
    })),
    sentBy,
  });
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
