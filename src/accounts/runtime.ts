import { initialTransition, transition } from "xstate";
import type { SnapshotFrom } from "xstate";
import {
  type Bound,
  type LifecycleEvent,
  type LifecycleInput,
  lifecycleEffects,
  lifecycleMachine,
  lifecycleStateName,
} from "../../machines/lifecycle.ts";
import { stepOfTransition } from "./steps.ts";
import type { AccountStore } from "../ports/accounts/account-store.ts";
import type { Clock } from "../concurrency/clock.ts";
import { serially } from "../concurrency/serially.ts";
import { wait } from "../concurrency/wait.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";

export type LifecycleSnapshot = SnapshotFrom<typeof lifecycleMachine>;

/** A handler's second argument: the stay in the state that asked for the work. */
export interface Visit {
  /** Aborted when the machine has left the state; later results of the handler do not count. */
  readonly signal: AbortSignal;
  /** Aborted when the account has stopped here: until then a record is tried again, in whatever state. */
  readonly life: AbortSignal;
  /** Answers the machine; ignored once the state was left. */
  emit(event: LifecycleEvent): void;
}

type Effects = typeof lifecycleEffects;

/** One handler per effect of the lifecycle, `startBound` excepted: the runtime keeps the time itself. */
export type LifecycleHandlers = {
  readonly [Name in Exclude<keyof Effects, "startBound">]: (
    params: Parameters<Effects[Name]>[1],
    visit: Visit,
  ) => Promise<void>;
};

export interface AccountRuntimeOptions {
  readonly input: LifecycleInput;
  readonly handlers: LifecycleHandlers;
  readonly store: Pick<AccountStore, "recordTransition">;
  readonly events: EventSink;
  readonly clock: Clock;
  /** How long each bound may take, in milliseconds. */
  readonly boundsMs: Readonly<Record<Bound, number>>;
}

/** `accepted: false`: the state that the account is in does not take this event; nothing happened. */
export interface Delivered {
  readonly accepted: boolean;
  readonly state: string;
}

export interface RunningBound {
  readonly bound: Bound;
  /** Milliseconds since 1970. */
  readonly endsAtMs: number;
}

export interface AccountRuntime {
  readonly account: string;
  readonly state: string;
  readonly snapshot: LifecycleSnapshot;
  /** The time that the state may take at most; null where it may last for ever. */
  readonly bound: RunningBound | null;
  /** Begins in the machine's initial state; resolves when that is recorded. Never rejects, as `send`. */
  start(): Promise<void>;
  /**
   * Delivers an event after those before it; resolves when its transition is recorded and its work begun. Never
   * rejects: a transition that cannot be recorded is tried again until it is.
   */
  send(event: LifecycleEvent): Promise<Delivered>;
  /** Resolves with the state's name once `accepts` does; the state it is in now counts. */
  until(accepts: (state: string, snapshot: LifecycleSnapshot) => boolean): Promise<string>;
  /**
   * Leaves the state without a transition: the process is ending and the gate cuts its connections.
   */
  abandon(): void;
}

/**
 * Work that makes things safer and needs no record before it: it must happen even with the database away. A drain only
 * ends what goes out; the token that it frees is a commit of its own.
 */
const safetyEffects: ReadonlySet<string> = new Set(["cut", "bury", "hold", "drain"]);
/**
 * Work that a commit already stands behind: Postgres has granted the token to this very epoch. While the transition is
 * being recorded, the account is on its way; none of its results counts before that.
 */
const grantedEffects: ReadonlySet<string> = new Set(["connect"]);
const goesAhead = ({ type }: Request): boolean =>
  safetyEffects.has(type) || grantedEffects.has(type);
const recordRetryMs = 500;

interface Request {
  readonly type: string;
  readonly params: unknown;
}

/**
 * Steps the lifecycle machine of one account: one event at a time, each transition recorded before the work
 * that it asks for begins, but for `grantedEffects` and what makes things safer. The machine stays pure; its
 * effects, timers and persistence happen here.
 */
export function createAccountRuntime(options: AccountRuntimeOptions): AccountRuntime {
  const { handlers, store, events, clock, boundsMs, input } = options;
  let [snapshot, pendingRequests] = initialStep(input);
  let name = lifecycleStateName(snapshot.value);
  let leave = new AbortController();
  const life = new AbortController();
  let cancelBound = () => {};
  let running: RunningBound | null = null;
  const inTurn = serially();
  let abandoned = false;
  const watchers = new Set<() => void>();

  function beginVisit(): void {
    leave.abort();
    cancelBound();
    cancelBound = () => {};
    running = null;
    leave = new AbortController();
  }

  function visitNow(): Visit {
    const { signal } = leave;
    return {
      signal,
      life: life.signal,
      emit: (event) => {
        void inTurn(async () => {
          if (!signal.aborted) await step(event);
        });
      },
    };
  }

  function perform(requests: readonly Request[]): void {
    const visit = visitNow();
    for (const { type, params } of requests) {
      if (type === "startBound") {
        const { bound } = params as { bound: Bound };
        running = { bound, endsAtMs: clock.now() + boundsMs[bound] };
        cancelBound = clock.schedule(boundsMs[bound], () =>
          visit.emit({ type: "bound.passed", bound }),
        );
        continue;
      }
      const handler = handlers[type as keyof LifecycleHandlers];
      handler(params as never, visit).catch((error: unknown) =>
        events.report({
          type: "note",
          account: input.account,
          code: "EFFECT_FAILED",
          message: `${type}: ${error instanceof Error ? error.message : String(error)}`,
        }),
      );
    }
  }

  async function record(from: string, event: string): Promise<void> {
    for (;;) {
      try {
        await store.recordTransition({
          account: input.account,
          renewal: snapshot.context.renewal?.id ?? null,
          from,
          to: name,
          event,
          epoch: snapshot.context.epoch,
          reason: snapshot.context.reason,
          step: stepOfTransition(from, name),
        });
        return;
      } catch (error) {
        if (abandoned) return;
        events.report({
          type: "note",
          account: input.account,
          code: "TRANSITION_NOT_RECORDED",
          message: `will be tried again: ${error instanceof Error ? error.message : String(error)}`,
        });
        await wait(clock, recordRetryMs);
      }
    }
  }

  async function settle(from: string, event: string, requests: readonly Request[]): Promise<void> {
    perform(requests.filter(goesAhead));
    await record(from, event);
    if (abandoned) return;
    events.report({
      type: "transition",
      account: input.account,
      from,
      to: name,
      event,
      slot: snapshot.context.slot,
      epoch: snapshot.context.epoch,
      reason: snapshot.context.reason,
      atMs: clock.now(),
    });
    if (snapshot.status !== "active") life.abort();
    for (const watcher of watchers) watcher();
    perform(requests.filter((request) => !goesAhead(request)));
  }

  async function step(event: LifecycleEvent): Promise<Delivered> {
    if (abandoned || !snapshot.can(event)) return { accepted: false, state: name };
    const from = name;
    const [next, actions] = transition(lifecycleMachine, snapshot, event);
    const requests = requestsIn(actions);
    const entered =
      JSON.stringify(next.value) !== JSON.stringify(snapshot.value) ||
      requests.some(({ type }) => type === "startBound");
    snapshot = next;
    name = lifecycleStateName(next.value);
    if (entered) beginVisit();
    await settle(from, event.type, requests);
    return { accepted: true, state: name };
  }

  const send = (event: LifecycleEvent) => inTurn(() => step(event));

  return {
    account: input.account,
    get state() {
      return name;
    },
    get bound() {
      return running;
    },
    get snapshot() {
      return snapshot;
    },
    start: () =>
      inTurn(async () => {
        const requests = pendingRequests;
        pendingRequests = [];
        await settle(name, "start", requests);
      }),
    send,
    until: (accepts) =>
      new Promise((resolve) => {
        const look = () => {
          if (!accepts(name, snapshot)) return;
          watchers.delete(look);
          resolve(name);
        };
        watchers.add(look);
        look();
      }),
    abandon() {
      abandoned = true;
      life.abort();
      beginVisit();
    },
  };
}

function initialStep(input: LifecycleInput): [LifecycleSnapshot, readonly Request[]] {
  const [snapshot, actions] = initialTransition(lifecycleMachine, input);
  return [snapshot, requestsIn(actions)];
}

function requestsIn(actions: readonly { type: string; params: unknown }[]): readonly Request[] {
  return actions
    .filter(({ type }) => !type.startsWith("xstate."))
    .map(({ type, params }) => ({ type, params }));
}
