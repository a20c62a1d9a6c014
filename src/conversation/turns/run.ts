import { wait } from "../../concurrency/wait.ts";
import { errorCodeOf, errorLine, type HoldfastError, policyOf } from "../../errors.ts";
import { isUnheard, unanswered } from "../whom.ts";
import type { Bot } from "../../ports/conversation/bot.ts";
import { BotDied, type StepRunner } from "../../ports/conversation/bot-runner.ts";
import type { LoadedSession, TurnRecord } from "../../ports/conversation/conversation-store.ts";
import { carriedIdGone } from "../../ports/conversation/health-signs.ts";
import type { BotLogLine } from "../../ports/conversation/bot-log.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { AsideWhy } from "../../ports/conversation/parked-store.ts";
import type { ChoiceReference } from "../../ports/conversation/offered-choices.ts";
import { resolveBeyond, type ResolvedInput, resolveInput } from "./menu.ts";
import type { BotLogSource, BotSeat, TurnResult, TurnRun, TurnRunOptions } from "./run-options.ts";
import { refuseForeign } from "./bot-turn.ts";
import { recordOfAnswer, recordWithoutBot } from "./draft.ts";
import { claimedItems, reportDecision } from "./committed-turn.ts";
import { runHandler, type TurnSlot } from "./handler-run.ts";
import { createHandlerRests, type HandlerRests } from "./handler-rests.ts";
import { stopping, unknownAccount } from "./run-errors.ts";
import { textsOf } from "./packed-session.ts";
import { createSetAside } from "./set-aside.ts";
import { createStepRunner } from "./steps.ts";
import { createStoreWait } from "./store-wait.ts";
import { createSuspects, deathsMax } from "./suspects.ts";

const conflictsPerNote = 10;
/** A message whose channel this host lacks is offered again after this time, to whoever owns the partition then. */
const elsewhereMs = 30_000;
const placeless: TurnSlot = { rest: (work) => work() };
const givenBack: TurnResult = { ending: "given-back", delayMs: 0 };

/**
 * Takes one inbound item to its turn: load once, ask the bot, commit once. The database away means waiting here, so
 * that the user's later messages wait too; `signal` ends the waiting and the item is given back. A handler that fails
 * for now rests, and its user with it. Only what can never succeed is parked.
 */
export function createTurnRun(options: TurnRunOptions): TurnRun {
  const { store, events, limits, clock, claim } = options;
  let holding: Pick<InboundItem, "account"> = { account: "" };
  let hasToldElsewhere = false;

  const note = ({ account }: Pick<InboundItem, "account">, code: string, message: string) =>
    events.report({ type: "note", account, code, message });

  const database = createStoreWait<Pick<InboundItem, "account">>({
    clock,
    delayMs: limits.retryDelayMs,
    delayMsMax: limits.retryDelayMsMax,
    onHold(error, item) {
      holding = item;
      options.onHold?.(true);
      const what = `partition ${claim.partition} waits and takes no message`;
      note(item, errorCodeOf(error), `${what}: ${errorLine(error)}`);
    },
    onBack() {
      options.onHold?.(false);
      note(holding, "DATABASE_BACK", `partition ${claim.partition} takes messages again`);
    },
    onOwnFault: (error, item) =>
      note(item, errorCodeOf(error), `will be tried again: ${errorLine(error)}`),
  });

  const suspects = createSuspects(options.suspects, claim, (error) =>
    note(
      { account: "" },
      errorCodeOf(error),
      `a suspect is not forgotten yet: ${errorLine(error)}`,
    ),
  );

  const aside = createSetAside(options.parked, claim.partition);

  /** null: the engine is stopping. */
  const persist = database.take;

  /** Waits until the account's bot can be loaded; null: there is no such account. */
  async function loaded(
    item: InboundItem,
    first: Promise<BotSeat | null>,
    signal: AbortSignal,
  ): Promise<BotSeat | "stopping" | null> {
    let begun: Promise<BotSeat | null> | null = first;
    const looked = await persist(item, signal, async () => {
      const loading = begun ?? options.findBot(item);
      begun = null;
      return { seat: await loading };
    });
    if (looked === null) return "stopping";
    return looked.seat === "elsewhere" ? null : looked.seat;
  }

  /** A choice that is older than the loaded history. null: the engine is stopping. */
  const lookFor = (item: InboundItem, beyond: ChoiceReference, signal: AbortSignal) =>
    persist(item, signal, async () => ({ found: await options.choices.find(beyond) }));

  /** null: the engine is stopping. */
  async function answer(
    item: InboundItem,
    session: LoadedSession,
    { bot, style, sentBy }: BotSeat,
    resolved: ResolvedInput | null,
    { steps, slot, signal }: Attempt,
  ): Promise<TurnRecord | null> {
    const { media, rules } = options;
    const material = { item, session, sentBy, rules };
    if (resolved === null || bot === null) return recordWithoutBot(material);
    const { input } = resolved;
    if (input.kind === "stale-action") {
      note(item, input.reason, "a button was pressed that this session does not know");
    }
    const alone = suspects.has(item);
    const free = bot.place({ item, alone, signal });
    const place = free instanceof Promise ? await slot.rest(() => free) : free;
    if (place === null) return null;
    const log = (line: BotLogLine): void => options.onBotLog?.(sourceOf(item, bot), line);
    const turn = { item, session, input, style, steps, media, log };
    const onLate = (error: HoldfastError) =>
      note(
        item,
        error.code,
        `inbound ${item.inboundId} waits for the end of its handler: ${error.line}`,
      );
    // Suspects run one after the other, and take no place of others meanwhile.
    const running = { clock, limits, slot: alone ? placeless : slot, signal, onLate };
    const run = () => runHandler(bot.name, () => place.run(turn, textsOf), running);
    const answered = await (alone ? slot.rest(run) : run());
    refuseForeign(answered.replies, style);
    return recordOfAnswer(material, resolved, answered);
  }

  /** Answers whether the turn may be tried again; throws the death where it may not. */
  async function survived(item: InboundItem, death: BotDied, signal: AbortSignal) {
    if (!death.isSuspect) return !signal.aborted;
    const deaths = await persist(item, signal, () => suspects.died(item, death));
    if (deaths === null) return false;
    if (deaths === "stale-owner") return deaths;
    const times = `death ${deaths} of ${deathsMax}`;
    note(item, "TURN_SUSPECT", `inbound ${item.inboundId}, ${times}: ${lineOf(death)}`);
    if (deaths >= deathsMax) throw death;
    return true;
  }

  /** Replies that the commit has claimed are with their sender when this resolves. null: the engine is stopping. */
  async function commit(item: InboundItem, record: TurnRecord, signal: AbortSignal) {
    const ticket = record.replies.length === 0 ? null : (options.desk?.ask(item) ?? null);
    let tries = 0;
    const outcome = await persist(item, signal, () => {
      tries += 1;
      return store.commit(record, claim, ticket?.grant);
    });
    if (outcome === "claimed") ticket?.hand(claimedItems(record));
    // A try has failed, and may have claimed all the same.
    if (tries > 1 || outcome === null) ticket?.lose();
    return outcome;
  }

  /** Steps wait for the database as commits do, until their turn is over. */
  function stepsOf(item: InboundItem, signal: AbortSignal) {
    const { steps } = options;
    async function until<T>(statement: () => Promise<T>): Promise<T> {
      const outcome = await persist(item, signal, async () => ({ value: await statement() }));
      if (outcome === null) throw stopping(item);
      return outcome.value;
    }
    return createStepRunner(
      {
        find: (turn, name) => until(() => steps.find(turn, name, claim)),
        keep: (turn, name, result) => until(() => steps.keep(turn, name, result, claim)),
      },
      item,
    );
  }

  /** Answers whether the handler may run again; throws the error where it may not. */
  async function rest(item: InboundItem, attempt: Attempt, error: unknown) {
    const { slot, signal } = attempt;
    if (signal.aborted && policyOf(error) === "retryable") return false;
    attempt.rests ??= createHandlerRests(limits);
    const restMs = attempt.rests.next(error);
    if (restMs === null) throw error;
    note(
      item,
      "TURN_RESTS",
      `inbound ${item.inboundId} runs again in ${restMs} ms: ${lineOf(error)}`,
    );
    await slot.rest(() => wait(clock, restMs, signal));
    return !signal.aborted;
  }

  /** Somebody else has marked it: what is remembered of its user does not show that to a copy. */
  function foundTaken(item: InboundItem): TurnResult {
    suspects.over(item);
    store.doubt?.(item);
    return { ending: "duplicate" };
  }

  /** A turn that is taken again may be over, as when its user was forgotten meanwhile. null: it goes on. */
  async function overtaken(
    item: InboundItem,
    before: LoadedSession | null,
    signal: AbortSignal,
  ): Promise<TurnResult | null> {
    if (before === null) return null;
    const { id } = before;
    const goesOn = await persist(item, signal, () => options.steps.mayRepeat(item, id, claim));
    if (goesOn === null) return givenBack;
    return goesOn ? null : foundTaken(item);
  }

  async function attemptTurns(item: InboundItem, seat: BotSeat, attempt: Attempt) {
    const { signal } = attempt;
    let carried: LoadedSession | null = null;
    for (let conflicts = 0; ; ) {
      const over = await overtaken(item, carried, signal);
      if (over !== null) return over;
      // No handler runs while its turn could not be committed.
      if (database.holds) await attempt.slot.rest(() => database.free(signal));
      const lookedMs = clock.monotonicMs();
      const session = await persist(item, signal, () => store.load(item, options.inactiveAfterMs));
      if (session === null) return givenBack;
      options.onLookup?.((clock.monotonicMs() - lookedMs) / 1000);
      if (session.taken === true) {
        suspects.over(item);
        return { ending: "duplicate" } as const;
      }
      if (isUnheard(item, seat.bot, session)) return { ending: "duplicate" } as const;
      if (carried !== null && carried.id !== session.id) {
        const isOver = await overtaken(item, carried, signal);
        if (isOver !== null) return isOver;
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
      if (beyond !== undefined && looked === null) return givenBack;
      const resolved = known && looked ? resolveBeyond(item, known, looked.found) : known;
      let record: TurnRecord | null;
      try {
        record = await answer(item, session, seat, resolved, attempt);
      } catch (error) {
        const isOwn = !(error instanceof BotDied) || error.isSuspect;
        if (seat.bot !== null && isOwn) options.onFault?.(seat.bot.name, error);
        const again =
          error instanceof BotDied
            ? await survived(item, error, signal)
            : await rest(item, attempt, error);
        if (again === "stale-owner") return { ending: again };
        if (again) continue;
        return givenBack;
      }
      if (record === null) return givenBack;
      const outcome = await commit(item, record, signal);
      if (outcome === null) return givenBack;
      if (outcome === "committed" || outcome === "claimed") {
        reportDecision(options, item, session, record, resolved);
        if (reason !== null) options.onUnanswered?.(item.account, reason);
        suspects.over(item);
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
      const delayMs = Math.min(limits.retryDelayMs * 2 ** (conflicts - 1), limits.retryDelayMsMax);
      await wait(clock, delayMs, signal);
      if (signal.aborted) return givenBack;
    }
  }

  async function park(item: InboundItem, why: AsideWhy, signal: AbortSignal): Promise<TurnResult> {
    const isCopy = aside.whyOf(item) !== undefined;
    const outcome = await persist(item, signal, () => options.parked.park(item, why, claim));
    if (outcome === null) return givenBack;
    if (outcome === "stale-owner") return { ending: outcome };
    suspects.over(item);
    if (outcome === "taken") return foundTaken(item);
    aside.add(item, why);
    if (isCopy) return { ending: "duplicate" };
    note(item, "TURN_PARKED", `inbound ${item.inboundId} was set aside: ${why.reason}`);
    return { ending: "parked" };
  }

  return {
    async begin(signal) {
      await persist({ account: "" }, signal, suspects.learn);
      await persist({ account: "" }, signal, aside.learn);
    },
    get holds() {
      return database.holds;
    },
    async take(item, signal, slot) {
      // Set aside anew, so that a replay which knows no names for its messages cannot remove it.
      const why = aside.whyOf(item);
      if (why !== undefined) return park(item, why, signal);
      try {
        const found = options.findBot(item);
        if (found === "elsewhere") {
          if (!hasToldElsewhere) note(item, "CHANNEL_ELSEWHERE", elsewhereLine(item));
          hasToldElsewhere = true;
          return { ending: "given-back", delayMs: elsewhereMs };
        }
        // A bot that cannot be loaded holds up its own account's users, and no slot.
        const seat =
          found instanceof Promise ? await slot.rest(() => loaded(item, found, signal)) : found;
        if (seat === "stopping") return givenBack;
        if (seat === null) throw unknownAccount(item.account);
        // Most turns make no step and no second attempt.
        let known: StepRunner | undefined;
        const steps: StepRunner = (name, call) => (known ??= stepsOf(item, signal))(name, call);
        return await attemptTurns(item, seat, { steps, rests: null, slot, signal });
      } catch (error) {
        return park(item, { code: errorCodeOf(error), reason: lineOf(error) }, signal);
      }
    },
  };
}

/** What the attempts at one turn share. */
interface Attempt {
  readonly steps: StepRunner;
  /** null: the handler has not failed. */
  rests: HandlerRests | null;
  readonly slot: TurnSlot;
  readonly signal: AbortSignal;
}

const sourceOf = (item: InboundItem, { name }: Pick<Bot, "name">): BotLogSource => ({
  bot: name,
  account: item.account,
  turnId: `${item.channel}:${item.account}:${item.inboundId}`,
});

const lineOf = (error: unknown): string => `${errorCodeOf(error)}: ${errorLine(error)}`;

const elsewhereLine = ({ channel }: InboundItem): string =>
  `this host has no settings for the channel ${channel}; its messages wait for a host that has`;
