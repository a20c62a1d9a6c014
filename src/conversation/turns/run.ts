import type { ConversationRules, SessionDecision } from "../../../machines/conversation-rules.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { wait, within } from "../../concurrency/wait.ts";
import type { ReplyDesk } from "../outbox/ticket.ts";
import { errorLine, HoldfastError } from "../../errors.ts";
import { unanswered, type UnansweredReason } from "../whom.ts";
import type { Bot } from "../../ports/conversation/bot.ts";
import type { ReplySender } from "../../ports/conversation/conversation-store.ts";
import type {
  ConversationKey,
  ConversationStore,
  LoadedSession,
  PartitionClaim,
  TurnRecord,
} from "../../ports/conversation/conversation-store.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { StepStore } from "../../ports/conversation/step-store.ts";
import type { MediaReader } from "../../ports/telegram/media.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import { carriedIdGone } from "../../ports/conversation/health-signs.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { ChoiceReference, OfferedChoices } from "../../ports/conversation/offered-choices.ts";
import { type MenuStyle, resolveBeyond, type ResolvedInput, resolveInput } from "./menu.ts";
import { createTurnDraft, recordWithoutBot } from "./draft.ts";
import { createStepRunner } from "./steps.ts";

/** Which bot answers for an account, how it shows its menus there, and who sends its replies. */
export interface BotSeat {
  /** null: none answers, and messages are kept. */
  readonly bot: Bot | null;
  readonly style: MenuStyle;
  readonly sentBy: ReplySender;
}

/** A committed turn: its session, the reason for that session, and the outcome. */
export interface TurnDecision {
  readonly turnId: string;
  readonly key: ConversationKey;
  readonly session: LoadedSession;
  readonly code: SessionDecision;
  readonly statusAfter: TurnRecord["status"];
  /** The outcome of a menu's choice; null for any other message. */
  readonly choice: "resolved" | "stale" | "empty" | null;
}

export interface TurnRunOptions {
  readonly store: Pick<ConversationStore, "load" | "commit">;
  /** The next moves of a session. */
  readonly rules: ConversationRules;
  readonly steps: StepStore;
  /** Asked for a choice that lies beyond the loaded history. */
  readonly choices: OfferedChoices;
  readonly media: MediaReader;
  /** Where a local sender takes the replies of a turn; the commit of the turn then claims them. */
  readonly desk?: Pick<ReplyDesk, "ask">;
  /** null: this host knows no such account. A promise while its bot is loaded. */
  findBot(of: Pick<InboundItem, "channel" | "account">): BotSeat | null | Promise<BotSeat | null>;
  /** The share of the chat users whose turns these are. */
  readonly claim: PartitionClaim;
  /** A session without a turn for this long has expired. */
  readonly inactiveAfterMs: number;
  readonly clock: Clock;
  readonly events: EventSink;
  onDecision(decision: TurnDecision): void;
  /** A message was kept and no bot was asked, and why. */
  onUnanswered?(account: string, reason: UnansweredReason): void;
  /** The one look at the session took so long. */
  onLookup?(seconds: number): void;
  readonly limits: TurnLimits;
}

export interface TurnLimits {
  /** How long a bot's handler may take before its turn counts as failed. */
  readonly handlerMsMax: number;
  /** How often a handler may run for one turn when it fails with retryable errors. */
  readonly handlerRunsMax: number;
  /** Before the second attempt; doubles up to `retryDelayMsMax`. */
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
}

export type TurnResult =
  | { readonly ending: "duplicate" | "stale-owner" | "given-back" }
  /** `handed`: its replies are with their sender already. `answered`: there are replies. */
  | { readonly ending: "committed"; readonly handed: boolean; readonly answered: boolean }
  | { readonly ending: "parked"; readonly reason: string };

const conflictsPerNote = 10;
/** For errors of the store that do not promise a better retry. */
const storeTriesMax = 6;

/**
 * Takes one inbound item to its turn: load once, ask the bot, commit once. The database away means waiting here,
 * so that the user's later messages wait too; `signal` ends the waiting and the item is given back.
 */
export function createTurnRun(
  options: TurnRunOptions,
): (item: InboundItem, signal: AbortSignal) => Promise<TurnResult> {
  const { store, events, limits } = options;

  const note = (item: InboundItem, code: string, message: string) =>
    events.report({ type: "note", account: item.account, code, message });

  /** `false`: the engine is stopping. */
  async function pause(attempt: number, signal: AbortSignal): Promise<boolean> {
    const delayMs = Math.min(limits.retryDelayMs * 2 ** attempt, limits.retryDelayMsMax);
    await wait(options.clock, delayMs, signal);
    return !signal.aborted;
  }

  /**
   * Repeats one statement while the database is away, and a few times after another failure. A
   * commit with an unknown outcome is repeated as it was. If it took effect after all, the store
   * calls the second one a duplicate. null: the engine is stopping.
   */
  async function persist<T>(item: InboundItem, signal: AbortSignal, statement: () => Promise<T>) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await statement();
      } catch (error) {
        if (!isRetryable(error) && attempt + 1 >= storeTriesMax) throw error;
        if (attempt === 0) note(item, codeOf(error), `will be tried again: ${errorLine(error)}`);
        if (!(await pause(attempt, signal))) return null;
      }
    }
  }

  /** Waits until the account's bot can be loaded. null: the engine is stopping. */
  async function loaded(item: InboundItem, first: Promise<BotSeat | null>, signal: AbortSignal) {
    let begun: Promise<BotSeat | null> | null = first;
    return persist(item, signal, async () => {
      const loading = begun ?? options.findBot(item);
      begun = null;
      return { seat: await loading };
    });
  }

  /** A choice that is older than the loaded history. null: the engine is stopping. */
  const lookFor = (item: InboundItem, beyond: ChoiceReference, signal: AbortSignal) =>
    persist(item, signal, async () => ({ found: await options.choices.find(beyond) }));

  async function answer(
    item: InboundItem,
    session: LoadedSession,
    { bot, style, sentBy }: BotSeat,
    resolved: ResolvedInput | null,
  ) {
    if (resolved === null || bot === null)
      return recordWithoutBot(item, session, sentBy, options.rules);
    if (resolved.input.kind === "stale-action") {
      note(item, resolved.input.reason, "a button was pressed that this session does not know");
    }
    const steps = createStepRunner(options.steps, item);
    const { media, rules } = options;
    const draft = createTurnDraft({ item, session, resolved, style, sentBy, steps, media, rules });
    try {
      const handling = bot.handle(draft.turn);
      if (handling !== undefined) {
        await within(options.clock, limits.handlerMsMax, Promise.resolve(handling), () => {
          throw timedOut(bot, limits.handlerMsMax);
        });
      }
      return draft.seal();
    } catch (error) {
      draft.seal();
      throw error;
    }
  }

  /** Replies that the commit has claimed are with their sender when this resolves. null: the engine is stopping. */
  async function commit(item: InboundItem, record: TurnRecord, signal: AbortSignal) {
    const ticket = record.replies.length === 0 ? null : (options.desk?.ask(item) ?? null);
    let isSure = true;
    const outcome = await persist(item, signal, () =>
      store.commit(record, options.claim, ticket?.grant).catch((error: unknown) => {
        isSure = false;
        throw error;
      }),
    );
    if (outcome === "claimed") ticket?.hand(claimedItems(record));
    if (!isSure) ticket?.lose();
    return outcome;
  }

  async function attemptTurns(item: InboundItem, seat: BotSeat, signal: AbortSignal) {
    let failures = 0;
    let carried: LoadedSession | null = null;
    for (let conflicts = 0; ; ) {
      const lookedMs = options.clock.monotonicMs();
      const session = await persist(item, signal, () => store.load(item, options.inactiveAfterMs));
      if (session === null) return { ending: "given-back" } as const;
      options.onLookup?.((options.clock.monotonicMs() - lookedMs) / 1000);
      if (carried !== null && carried.id !== session.id) {
        note(
          item,
          carriedIdGone,
          `session ${carried.id} was over when its turn was committed; the turn runs in ${session.id}`,
        );
      }
      carried = session;
      const reason = unanswered(item, seat.bot);
      const isSilent = reason !== null || session.decision === "SESSION_WITH_HUMAN";
      const known = isSilent ? null : resolveInput(item, session, seat.style);
      const { beyond } = known ?? {};
      const looked = beyond === undefined ? null : await lookFor(item, beyond, signal);
      if (beyond !== undefined && looked === null) return { ending: "given-back" } as const;
      const resolved = known && looked ? resolveBeyond(item, known, looked.found) : known;
      let record: TurnRecord;
      try {
        record = await answer(item, session, seat, resolved);
      } catch (error) {
        failures += 1;
        if (!isRetryable(error) || failures >= limits.handlerRunsMax) throw error;
        if (!(await pause(failures - 1, signal))) return { ending: "given-back" } as const;
        continue;
      }
      const outcome = await commit(item, record, signal);
      if (outcome === null) return { ending: "given-back" } as const;
      if (outcome === "committed" || outcome === "claimed") {
        reportDecision(options, item, session, record, resolved);
        if (reason !== null) options.onUnanswered?.(item.account, reason);
        const answered = record.replies.length > 0;
        return { ending: "committed", handed: outcome === "claimed", answered } as const;
      }
      if (outcome !== "conflict") return { ending: outcome } as const;
      conflicts += 1;
      if (conflicts % conflictsPerNote === 0) {
        note(
          item,
          "TURN_CONFLICT_PERSISTS",
          `another turn has moved the session ${conflicts} times`,
        );
      }
      if (!(await pause(conflicts - 1, signal))) return { ending: "given-back" } as const;
    }
  }

  return async (item, signal) => {
    try {
      const found = options.findBot(item);
      const looked = found instanceof Promise ? await loaded(item, found, signal) : { seat: found };
      if (looked === null) return { ending: "given-back" };
      if (looked.seat === null) throw unknownAccount(item.account);
      return await attemptTurns(item, looked.seat, signal);
    } catch (error) {
      const reason = `${codeOf(error)}: ${errorLine(error)}`;
      note(item, "TURN_PARKED", `inbound ${item.inboundId} was set aside: ${reason}`);
      return { ending: "parked", reason };
    }
  };
}

function reportDecision(
  options: TurnRunOptions,
  item: InboundItem,
  session: LoadedSession,
  { status, replies }: TurnRecord,
  resolved: ResolvedInput | null,
): void {
  const { channel, account, chatUser, inboundId } = item;
  options.onDecision({
    turnId: `${channel}:${account}:${inboundId}`,
    key: { channel, account, chatUser },
    session,
    code: session.decision,
    statusAfter: status,
    choice: item.kind === "tap" ? choiceOutcome(resolved, replies.length) : null,
  });
}

/** As the store would answer them if they were claimed after the commit. */
function claimedItems(record: TurnRecord): readonly OutboxItem[] {
  const { channel, account, chatUser, peer, session } = record;
  const inboundId = storableText(record.inboundId);
  return record.replies.map(({ seq, body, menu, randomId }, replyIndex) => ({
    id: `${session.id}:${seq}`,
    channel,
    account,
    chatUser,
    peer,
    inboundId,
    replyIndex,
    randomId,
    body: storableText(body),
    menu: menu && (JSON.parse(storableJson(menu)) as typeof menu),
    sessionId: session.id,
    seq,
    attempted: false,
  }));
}

/** @param resolved null: a person answers */
function choiceOutcome(resolved: ResolvedInput | null, replies: number) {
  if (resolved === null) return null;
  if (resolved.input.kind === "stale-action") return "stale";
  return replies === 0 ? "empty" : "resolved";
}

const isRetryable = (error: unknown): boolean =>
  error instanceof HoldfastError && error.policy === "retryable";

const codeOf = (error: unknown): string =>
  error instanceof HoldfastError ? error.code : "UNEXPECTED";

const unknownAccount = (account: string) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `A message arrived for the account ${account}, which has no bot on this host.`,
    next: "Give the account a bot, then put the parked message back.",
  });

/** The handler itself cannot be ended, and finds its turn sealed. */
const timedOut = ({ name }: Bot, msMax: number) =>
  new HoldfastError({
    code: "BOT_TIMED_OUT",
    message: `The bot ${name} did not finish its turn within ${msMax} ms.`,
    next: "Give the calls that the handler waits for a shorter time limit.",
    policy: "retryable",
  });
