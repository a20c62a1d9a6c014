import { conversationMachine } from "../../../machines/conversation.ts";
import {
  type ConversationRules,
  conversationRules,
  type InboundRule,
  openingRule,
} from "../../../machines/conversation-rules.ts";
import type { AccountKind } from "../../../machines/lifecycle.ts";
import { sessionAfter } from "../turns/session-after.ts";
import { HoldfastError } from "../../errors.ts";
import type { Bot } from "../../ports/conversation/bot.ts";
import type { BotLogLine } from "../../ports/conversation/bot-log.ts";
import {
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type MenuChoice,
  type StoredMessage,
  type StoredToolOutput,
  type TurnRecord,
  type TurnReply,
} from "../../ports/conversation/conversation-store.ts";
import type { StepStore } from "../../ports/conversation/step-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { MediaReader } from "../../ports/telegram/media.ts";
import type { Writer } from "../../ports/telegram/writer.ts";
import type { OfferedChoices } from "../../ports/conversation/offered-choices.ts";
import { formatReference, menuStyleOf, resolveBeyond, resolveInput } from "../turns/menu.ts";
import { createTurnDraft, recordOfAnswer, recordWithoutBot } from "../turns/draft.ts";
import { createStepRunner } from "../turns/steps.ts";

/** The bot's acts in one turn of a rehearsal. */
export interface RehearsedTurn {
  readonly replies: readonly TurnReply[];
}

/** One message to take. */
export type RehearsedInput = Pick<
  InboundItem,
  "inboundId" | "kind" | "text" | "media" | "writtenAtMs"
>;

/**
 * A conversation in memory: the bot runs as in a turn, and nothing leaves or is stored. Sessions
 * follow the rules of production. A session given to a person keeps its messages from the bot, and
 * after an ended one another opens.
 */
export interface Rehearsal {
  /**
   * @param actual the outcome of the turn when it was really taken: the conversation goes on from
   * there
   */
  take(
    input: RehearsedInput,
    actual?: Pick<TurnRecord, "toolOutputs"> & { readonly replies: readonly TurnReply[] },
  ): Promise<RehearsedTurn>;
  /** A person who has the session says this, and gives it back to the bot; without a person, nothing changes. */
  giveBack(said: readonly string[]): void;
  /**
   * The callback data of an offered choice, of this session or an earlier one: from the newest menu
   * with that label.
   */
  referenceTo(label: string): string | null;
  /** As the next message finds it. */
  readonly session: LoadedSession;
}

export interface RehearsalOptions {
  readonly kind?: AccountKind;
  readonly account?: string;
  /** The chat user, and what the channel tells of them; by default nothing. */
  readonly chatUser?: string;
  readonly from?: Writer;
  /** By default, outcomes of outside calls are kept in memory. */
  readonly steps?: Pick<StepStore, "find" | "keep">;
  readonly sessionId?: string;
  /** By default, every file is gone. */
  readonly media?: MediaReader;
  /** Hears of each line that the bot logs; by default nothing does. */
  log?(line: BotLogLine): void;
  /** By default, those of the product. */
  readonly rules?: ConversationRules;
}

export function createRehearsal(bot: Bot, options: RehearsalOptions = {}): Rehearsal {
  const { kind = "bot", account = "rehearsal", steps = stepsInMemory() } = options;
  const { chatUser = "1", from } = options;
  const { media = noMedia, rules = conversationRules(conversationMachine) } = options;
  const style = menuStyleOf(kind);
  const nothing = { context: null, progress: null };
  let session = opened(options.sessionId ?? "1", openingRule(rules, null), nothing);
  /** The menus that the chat shows, oldest first. */
  const offers: Offer[] = [];
  /** Everything that was recorded, by session and number. */
  const outputs = new Map<string, StoredToolOutput>();
  const choices: OfferedChoices = {
    async find({ sessionId, seq, index }) {
      const offer = offers.find((one) => one.sessionId === sessionId && one.seq === seq);
      const choice = offer?.menu[index];
      if (choice === undefined) return null;
      const source = outputs.get(`${sessionId} ${choice.item?.toolOutputSeq}`) ?? null;
      return { choice, source };
    },
  };

  function goOn(record: RehearsedRecord): void {
    for (const output of record.toolOutputs) outputs.set(`${session.id} ${output.seq}`, output);
    const messages = messagesOf(session, record);
    for (const { seq, menu } of messages) {
      if (menu !== null) offers.push({ sessionId: session.id, seq, menu });
    }
    session = after(rules, session, record, messages);
  }

  return {
    get session() {
      return session;
    },
    async take({ inboundId, kind: inputKind, text, media: files, writtenAtMs }, actual) {
      const item: InboundItem = {
        channel: "telegram",
        account,
        chatUser,
        peer: { userId: chatUser, accessHash: "0" },
        inboundId,
        kind: inputKind,
        text,
        receivedAtMs: 0,
        ...(files !== undefined && { media: files }),
        ...(from !== undefined && { from }),
        ...(writtenAtMs !== undefined && { writtenAtMs }),
      };
      if (session.decision === "SESSION_WITH_HUMAN") {
        goOn({ ...recordWithoutBot({ item, session, sentBy: "holder", rules }), ...actual });
        return { replies: [] };
      }
      const known = resolveInput(item, session, style);
      const { beyond } = known;
      const resolved =
        beyond === undefined ? known : resolveBeyond(item, known, await choices.find(beyond));
      const runner = createStepRunner(steps, item);
      const material = { item, session, sentBy: "holder", rules } as const;
      const { input } = resolved;
      const log = (line: BotLogLine): void => options.log?.(line);
      const draft = createTurnDraft({ item, session, input, style, steps: runner, media, log });
      let record: TurnRecord;
      try {
        await bot.handle(draft.turn);
        record = recordOfAnswer(material, resolved, draft.seal());
      } catch (error) {
        const { status } = recordWithoutBot(material);
        const sealed = recordOfAnswer(material, resolved, draft.seal());
        if (actual !== undefined) goOn({ ...sealed, status, ...actual });
        throw error;
      }
      goOn({ ...record, ...actual });
      return { replies: record.replies.map(({ body, menu }) => ({ body, menu })) };
    },
    giveBack(said) {
      const status = rules.moves.resolve[session.status];
      if (!rules.returning.includes(session.status) || status === undefined) return;
      session = returnedAfter(session, status, said);
    },
    referenceTo(label) {
      const offer = offers.findLast(({ menu }) => menu.some((choice) => choice.label === label));
      if (offer === undefined) return null;
      const { sessionId, seq, menu } = offer;
      return formatReference({
        sessionId,
        seq,
        index: menu.findIndex((choice) => choice.label === label),
      });
    },
  };
}

/** A record as it was made, or with the replies that were really sent. */
type RehearsedRecord = Omit<TurnRecord, "replies"> & { readonly replies: readonly TurnReply[] };

interface Offer {
  readonly sessionId: string;
  readonly seq: number;
  readonly menu: readonly MenuChoice[];
}

/** A session before its first turn. Facts about the user outlive the session before. */
function opened(
  id: string,
  { decision, to }: InboundRule,
  { context, progress }: Pick<LoadedSession, "context" | "progress">,
): LoadedSession {
  return {
    id,
    decision,
    status: to,
    turns: 0,
    lastSeq: 0,
    snapshot: null,
    context,
    progress,
    messages: [],
    toolOutputs: [],
  };
}

/** The session that the next message finds: the one after the turn, or a new one. */
function after(
  rules: ConversationRules,
  session: LoadedSession,
  record: RehearsedRecord,
  messages: readonly StoredMessage[],
): LoadedSession {
  const { status, toolOutputs, snapshot, context } = record;
  const progress = progressAfter(session, record);
  const head = sessionAfter(rules, session, record);
  if (head === null) {
    const id = String(BigInt(session.id) + 1n);
    return opened(id, openingRule(rules, status), { context, progress });
  }
  return {
    ...head,
    snapshot,
    context,
    progress,
    messages: [...session.messages, ...messages].slice(-historyMessages),
    toolOutputs: [...session.toolOutputs, ...toolOutputs].slice(-historyToolOutputs),
  };
}

/** What a person says stands behind a number of its own, as in the record of a session. */
function returnedAfter(
  session: LoadedSession,
  status: LoadedSession["status"],
  said: readonly string[],
): LoadedSession {
  const messages = said.map(
    (body, index): StoredMessage => ({
      seq: session.lastSeq + 2 * (index + 1),
      role: "person",
      body,
      menu: null,
    }),
  );
  return {
    ...session,
    status,
    decision: "SESSION_RETURNED",
    lastSeq: session.lastSeq + 2 * said.length,
    messages: [...session.messages, ...messages].slice(-historyMessages),
  };
}

/** The messages that a turn adds to its session: the user's, then the replies. */
function messagesOf(
  session: LoadedSession,
  { text, media, replies }: RehearsedRecord,
): readonly StoredMessage[] {
  const seq = session.lastSeq + 1;
  const files = media === undefined ? {} : { media };
  return [
    { seq, role: "user", body: text, menu: null, ...files },
    ...replies.map(
      ({ body, menu }, index) => ({ seq: seq + 1 + index, role: "bot", body, menu }) as const,
    ),
  ];
}

const progressAfter = (before: LoadedSession, { progress }: Pick<TurnRecord, "progress">) =>
  progress === undefined ? before.progress : progress === "end" ? null : progress;

const noMedia: MediaReader = {
  async read() {
    throw new HoldfastError({
      code: "MEDIA_GONE",
      message: "A rehearsal holds no files.",
      next: "Give it one with talk.sendFile.",
    });
  },
};

function stepsInMemory(): Pick<StepStore, "find" | "keep"> {
  const kept = new Map<string, unknown>();
  const keyOf = (inboundId: string, name: string) => `${inboundId}\n${name}`;
  return {
    find: async ({ inboundId }, name) => kept.get(keyOf(inboundId, name)),
    async keep({ inboundId }, name, result) {
      kept.set(keyOf(inboundId, name), result ?? null);
      return result;
    },
  };
}
