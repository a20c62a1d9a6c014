import type { AccountKind } from "../../machines/lifecycle.ts";
import { HoldfastError } from "../errors.ts";
import type { Bot } from "../ports/bot.ts";
import {
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type StepStore,
  type TurnRecord,
  type TurnReply,
} from "../ports/conversation-store.ts";
import type { InboundItem } from "../ports/inbound-stream.ts";
import type { MediaReader } from "../ports/media.ts";
import { formatReference, menuStyleOf, resolveInput } from "./menu.ts";
import { createTurnDraft } from "./turn-draft.ts";
import { createStepRunner } from "./turn-steps.ts";

/** What a bot did in one turn of a rehearsal. */
export interface RehearsedTurn {
  readonly replies: readonly TurnReply[];
  readonly status: TurnRecord["status"];
}

/** A conversation in memory: the bot runs as it would in a turn, and nothing leaves or is stored. */
export interface Rehearsal {
  /** @param actual what the turn came to when it was really taken: the conversation goes on from there */
  take(
    input: Pick<InboundItem, "inboundId" | "kind" | "text" | "media">,
    actual?: Pick<TurnRecord, "toolOutputs"> & { readonly replies: readonly TurnReply[] },
  ): Promise<RehearsedTurn>;
  /** The callback data of a choice that was offered: of the newest menu with that label. */
  referenceTo(label: string): string | null;
  readonly session: LoadedSession;
}

export interface RehearsalOptions {
  readonly kind?: AccountKind;
  readonly account?: string;
  /** By default, outcomes of outside calls are kept in memory. */
  readonly steps?: Pick<StepStore, "find" | "keep">;
  readonly sessionId?: string;
  /** By default, every file is gone. */
  readonly media?: MediaReader;
}

export function createRehearsal(bot: Bot, options: RehearsalOptions = {}): Rehearsal {
  const { kind = "bot", account = "rehearsal", steps = stepsInMemory() } = options;
  const { media = noMedia } = options;
  const style = menuStyleOf(kind);
  let session: LoadedSession = {
    id: options.sessionId ?? "1",
    decision: "SESSION_CREATED_FIRST_CONTACT",
    status: "active",
    turns: 0,
    lastSeq: 0,
    snapshot: null,
    context: null,
    progress: null,
    messages: [],
    toolOutputs: [],
  };

  return {
    get session() {
      return session;
    },
    async take({ inboundId, kind: inputKind, text, media: files }, actual) {
      const item: InboundItem = {
        channel: "telegram",
        account,
        chatUser: "1",
        peer: { userId: "1", accessHash: "0" },
        inboundId,
        kind: inputKind,
        text,
        receivedAtMs: 0,
        ...(files !== undefined && { media: files }),
      };
      const resolved = resolveInput(item, session, style);
      const runner = createStepRunner(steps, item);
      const draft = createTurnDraft({
        item,
        session,
        resolved,
        style,
        sentBy: "holder",
        steps: runner,
        media,
      });
      let record: TurnRecord;
      try {
        await bot.handle(draft.turn);
        record = draft.seal();
      } catch (error) {
        if (actual !== undefined) session = after(session, { ...draft.seal(), ...actual });
        throw error;
      }
      session = after(session, { ...record, ...actual });
      return {
        replies: record.replies.map(({ body, menu }) => ({ body, menu })),
        status: record.status,
      };
    },
    referenceTo(label) {
      const offer = session.messages.findLast(
        ({ menu }) => menu?.some((choice) => choice.label === label) === true,
      );
      const index = offer?.menu?.findIndex((choice) => choice.label === label) ?? -1;
      if (offer === undefined || index === -1) return null;
      return formatReference({ sessionId: session.id, seq: offer.seq, index });
    },
  };
}

function after(
  session: LoadedSession,
  record: Omit<TurnRecord, "replies"> & { readonly replies: readonly TurnReply[] },
): LoadedSession {
  const { text, media, replies, toolOutputs, snapshot, context } = record;
  const asked = {
    seq: session.lastSeq + 1,
    role: "user",
    body: text,
    menu: null,
    ...(media !== undefined && { media }),
  } as const;
  const said = replies.map(
    ({ body, menu }, index) => ({ seq: asked.seq + 1 + index, role: "bot", body, menu }) as const,
  );
  return {
    id: session.id,
    decision: "SESSION_REUSED",
    status: "active",
    turns: session.turns + 1,
    lastSeq: asked.seq + replies.length,
    snapshot,
    context,
    progress: progressAfter(session, record),
    messages: [...session.messages, asked, ...said].slice(-historyMessages),
    toolOutputs: [...session.toolOutputs, ...toolOutputs].slice(-historyToolOutputs),
  };
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
