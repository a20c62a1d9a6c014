import type { Grants } from "./grants.ts";
import type { CursorWork } from "../channels/telegram/work.ts";
import { orAborted } from "../concurrency/or-aborted.ts";
import { within } from "../concurrency/wait.ts";
import type { OutboxWork } from "../conversation/outbox/ticket.ts";
import { HoldfastError } from "../errors.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import type { LifecycleEvent } from "../../machines/lifecycle.ts";
import { silentEvents, type TelegramClient } from "../ports/telegram/telegram.ts";
import type { AccountWorld } from "./context.ts";
import { createGapFilling, type GapFilling } from "./gap.ts";
import { refuseStranger } from "./identity.ts";
import { faultReason } from "../ports/telegram/telegram-error.ts";
import type { Prompts } from "./login/prompts.ts";
import {
  type AheadOfSlot,
  openSlot,
  type SlotConnection,
  type SlotEvents,
  tokenLost,
} from "./slot-connection.ts";
import { firstOfServing } from "./waiting-client.ts";

/** The slot that serves: its client, its cursor and its outbox, made and ended together. */
export interface ServingSlot {
  readonly grant: GrantRef | null;
  readonly callsInFlight: number;
  /** Telegram asked for silence until then, in milliseconds since 1970; null for no such wait. */
  readonly coolingUntilMs: number | null;
  /**
   * Reads the needs of `open` while the floor of the token's grant is still being raised, and admits the key once it
   * is. Dials nothing.
   */
  prepare(grant: GrantRef, ahead: AheadOfSlot): void;
  /**
   * Connects and verifies by a real call that it is the account's own user. The gap in its updates is filled beside
   * its service. Rejects with the fault, ended, also when `signal` aborts.
   */
  open(grant: GrantRef, signal: AbortSignal): Promise<void>;
  /** Resolves when the gap of the open slot is filled, or when `signal` aborts; at once where none is open. */
  untilFilled(signal: AbortSignal): Promise<void>;
  serve(): Promise<void>;
  hold(): void;
  /** New replies were committed. */
  notify(stranded?: boolean): void;
  /** Runs calls of others over the serving client; a drain waits for them. Throws NOT_SERVING. */
  use<Result>(work: (client: TelegramClient) => Promise<Result>): Promise<Result>;
  /** Fetches updates that may have been missed. */
  refresh(): void;
  /** Stops new calls, waits for those in flight at most `drainMs`, settles the cursor, then ends. */
  drain(): Promise<void>;
  /** Ends at once. Resolves with 0 sockets and the token free. */
  end(): Promise<void>;
}

interface Parts {
  readonly connection: SlotConnection;
  readonly cursor: CursorWork;
  readonly gap: GapFilling;
  readonly outbox: OutboxWork;
  /** It has answered a real call as the account's own user. */
  verified: boolean;
  outboxStarted: boolean;
  coolingUntilMs: number;
  /** Ends the wait for the connection to come back; null while it is there. */
  cancelGrace: (() => void) | null;
}

/** Two tellings of one order end so close to each other: Telegram counts in seconds. */
const sameOrderMs = 1000;
/** Calls of others that one account takes at a time. */
const outsideMax = 256;

/**
 * `tell` sends the connection's events to the lifecycle. Events of an earlier connection are not
 * sent.
 */
export function createServingSlot(
  world: AccountWorld,
  grants: Pick<Grants, "free">,
  prompts: Prompts,
  tell: (event: LifecycleEvent) => void,
  onDyingKey: (slot: number, why: string) => void,
): ServingSlot {
  let parts: Parts | null = null;
  let prepared: { readonly grant: GrantRef; readonly parts: Promise<Parts> } | null = null;
  /** Telegram asked for silence until then; it holds here also where it could not be written down. */
  let silentUntilMs = 0;
  /** Calls of others that are under way. */
  const outside = new Set<Promise<unknown>>();

  function wire(grant: GrantRef, ahead?: AheadOfSlot): Promise<Parts> {
    const mine = () => parts !== null && parts.connection.grant === grant;
    const tellMine = (event: LifecycleEvent) => {
      if (mine()) tell(event);
    };
    const onTokenLost = () =>
      tellMine({ type: "token.lost", grant, reason: faultReason(tokenLost(grant)) });
    const events: SlotEvents = {
      ...silentEvents,
      onUpdates: (pushed) => {
        if (mine()) parts?.cursor.onUpdates(pushed);
      },
      onServiceMessage: prompts.offer,
      onDyingKey: (why) => {
        if (mine()) onDyingKey(grant.slot, why);
      },
      onEnded: (fault) => tellMine({ type: "client.lost", grant, reason: fault }),
      onDeadKey: (fault) => tellMine({ type: "key.dead", grant, reason: fault }),
      onSilence: (waitSeconds) => cool(grant, waitSeconds, tellMine),
      onConnected: () => {
        if (!mine() || parts === null) return;
        parts.cancelGrace?.();
        parts.cancelGrace = null;
        parts.gap.goOn();
        if (!parts.outboxStarted) return;
        parts.cursor.onUpdates(null);
        void parts.outbox.recover();
      },
      onDisconnected: () => {
        if (!mine() || parts === null || parts.cancelGrace !== null) return;
        parts.cancelGrace = world.clock.schedule(world.timings.disconnectMs, () =>
          tellMine({
            type: "client.lost",
            grant,
            reason: {
              code: "CONNECTION_LOST",
              message: "the connection did not come back in time",
            },
          }),
        );
      },
    };
    return openSlot(world, grants, grant, events, ahead).then((connection) => {
      const { client } = connection;
      const cursor = world.makeCursor(client, grant, { onTokenLost });
      return {
        connection,
        cursor,
        gap: createGapFilling({ ...world, cursor, onTokenLost }),
        outbox: world.makeOutbox(client, grant, {
          onFlood: (waitSeconds) => cool(grant, waitSeconds, tellMine),
          onTokenLost,
        }),
        verified: false,
        outboxStarted: false,
        coolingUntilMs: Math.max(silentUntilMs, connection.coolingUntilMs ?? 0),
        cancelGrace: null,
      };
    });
  }

  /** Written down first: after a crash the silence goes on. */
  function cool(
    grant: GrantRef,
    waitSeconds: number,
    tellMine: (event: LifecycleEvent) => void,
  ): void {
    const nowMs = world.clock.now();
    const untilMs = nowMs + waitSeconds * 1000;
    // Of one order, the call and the outbox that made it both tell.
    if (silentUntilMs > nowMs && untilMs - silentUntilMs < sameOrderMs) return;
    const tellFlood = () => tellMine({ type: "flood", grant, waitSeconds });
    silentUntilMs = Math.max(silentUntilMs, parts?.coolingUntilMs ?? 0, untilMs);
    if (parts !== null) {
      parts.outbox.pause();
      parts.coolingUntilMs = silentUntilMs;
    }
    world.accounts.cool(world.account, untilMs).then(tellFlood, tellFlood);
  }

  /** The parts prepared for this very grant; older ones are ended. */
  async function takePrepared(grant: GrantRef): Promise<Parts | null> {
    const { account, slot, epoch } = prepared?.grant ?? {};
    if (account === grant.account && slot === grant.slot && epoch === grant.epoch) {
      const made = prepared!.parts;
      prepared = null;
      return made;
    }
    await discardPrepared();
    return null;
  }

  async function discardPrepared(): Promise<void> {
    const discarded = prepared;
    const made = await discarded?.parts.catch(() => null);
    await made?.connection.end();
    if (prepared === discarded) prepared = null;
  }

  /** @param written the token stays held until these writes under it have ended */
  async function end(ending = parts, written?: Promise<unknown>): Promise<void> {
    if (ending === null) return;
    ending.cancelGrace?.();
    ending.outbox.pause();
    const stopped = ending.gap.stop();
    await ending.connection.end(written);
    await stopped;
    if (parts === ending) parts = null;
  }

  return {
    get grant() {
      return parts?.connection.grant ?? null;
    },
    get callsInFlight() {
      return parts?.connection.client.callsInFlight ?? 0;
    },
    get coolingUntilMs() {
      const untilMs = parts?.coolingUntilMs ?? 0;
      return untilMs === 0 ? null : untilMs;
    },
    prepare(grant, ahead) {
      const earlier = prepared?.parts;
      const made = wire(grant, ahead);
      made.catch(() => undefined);
      prepared = { grant, parts: made };
      earlier?.then(({ connection }) => connection.end()).catch(() => undefined);
    },
    async open(grant, signal) {
      const opened = (await takePrepared(grant)) ?? (await wire(grant));
      // Another epoch may be served by now: a late connection must not take its place.
      if (signal.aborted) await opened.connection.end();
      signal.throwIfAborted();
      parts = opened;
      try {
        await opened.connection.connect(firstOfServing);
        const [self, known] = await Promise.all([
          opened.connection.client.self(),
          world.accounts.telegramUser(world.account),
        ]);
        await refuseStranger(world, self, known);
        // What fails here is tried again with the gap, which tells of it.
        await opened.cursor.anchor().catch(() => undefined);
        opened.verified = true;
        opened.gap.begin();
      } catch (error) {
        await end(opened);
        throw error;
      }
    },
    untilFilled: async (signal) => orAborted(parts?.gap.filled ?? Promise.resolve(), signal),
    async serve() {
      if (parts === null) return;
      if (parts.outboxStarted) {
        parts.outbox.resume();
        return;
      }
      parts.outboxStarted = true;
      await parts.outbox.start();
    },
    async use(work) {
      if (parts?.verified !== true || !world.mayCall()) throw notServing(world.account);
      if (outside.size >= outsideMax) throw tooMany(world.account);
      const using = work(parts.connection.client);
      outside.add(using);
      return using.finally(() => outside.delete(using));
    },
    hold() {
      // One that has not started sends nothing, and its start would not end a pause.
      if (parts?.outboxStarted === true) parts.outbox.pause();
    },
    notify(stranded = false) {
      if (parts?.outboxStarted === true) parts.outbox.notify(stranded);
    },
    refresh: () => parts?.cursor.onUpdates(null),
    async drain() {
      const draining = parts;
      if (draining === null) return;
      const graced = (work: Promise<unknown>) =>
        within<unknown>(world.clock, world.timings.drainMs, work, () => null);
      // What the last calls led to is written while the connection is being cut.
      const written = graced(draining.outbox.stop());
      const stopped = [draining.outbox.quiet(), draining.gap.stop(), draining.cursor.stop()];
      // Calls still in flight after the grace are cut.
      await graced(Promise.allSettled([...stopped, ...outside]));
      await end(draining, written);
    },
    async end() {
      await discardPrepared();
      await end();
    },
  };
}

const notServing = (account: string) =>
  new HoldfastError({
    code: "NOT_SERVING",
    message: `${account} is not connected just now; nothing was sent.`,
    next: `Look at it with: npx holdfast status ${account}`,
    policy: "retryable",
  });

const tooMany = (account: string) =>
  new HoldfastError({
    code: "TOO_MANY_CALLS",
    message: `${outsideMax} calls of ${account} are under way already; nothing was sent.`,
    next: "Send fewer at a time, and try again.",
    policy: "retryable",
  });
