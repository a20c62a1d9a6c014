import type { Bound, RenewalMethod } from "../../machines/lifecycle.ts";
import { HoldfastError } from "../errors.ts";
import type { TelegramClient } from "../ports/telegram.ts";
import type { AccountRecord, RenewalRecord } from "../ports/account-store.ts";
import { type AccountRuntime, createAccountRuntime, type Delivered } from "./account-runtime.ts";
import type { AccountWorld } from "./account-world.ts";
import { createLifecycleHandlers } from "./lifecycle-handlers.ts";
import { createLoginCodes } from "./login-codes.ts";
import { createServingSlot } from "./serving-slot.ts";
import { createSideSlots } from "./side-slots.ts";

export type RenewalAnswer =
  | { readonly accepted: true; readonly renewal: string; readonly known: boolean }
  | { readonly accepted: false; readonly state: string };

/** One account on this host: its lifecycle and what may be asked of it. */
export interface Account {
  readonly name: string;
  readonly runtime: AccountRuntime;
  /** Slot and epoch that serve now; null when none is connected. */
  readonly grant: { readonly slot: number; readonly epoch: number } | null;
  /** Aborts a renewal that a crash left open, then begins. */
  start(): Promise<void>;
  login(): Promise<Delivered>;
  /** What the database says of the account now: another host may have logged it in. */
  refresh(record: AccountRecord): void;
  /** A login code that a person typed; `false` when nobody waits for one. */
  supplyCode(code: string): boolean;
  /** The same id twice is one renewal. */
  renew(id: string): Promise<RenewalAnswer>;
  pause(): Promise<Delivered>;
  resume(): Promise<Delivered>;
  /** Resolves when the account has stopped and its token is free. */
  stop(): Promise<void>;
  /**
   * Runs calls of others over the connection that serves. Throws ACCOUNT_BUSY where the account's state allows none:
   * it is paused, cools, drains or has no connection.
   */
  use<Result>(work: (client: TelegramClient) => Promise<Result>): Promise<Result>;
  /** New replies were committed for this account. */
  notifyOutbox(): void;
}

export function createAccount(
  world: AccountWorld,
  record: AccountRecord,
  boundsMs: Readonly<Record<Bound, number>>,
): Account {
  const { accounts, account: name } = world;
  const codes = createLoginCodes();
  const serving = createServingSlot(world, codes, (event) => void runtime.send(event));
  const sideSlots = createSideSlots(world, codes);
  const runtime = createAccountRuntime({
    input: { account: name, kind: record.kind, slot: record.servingSlot },
    handlers: createLifecycleHandlers({ world, serving, sideSlots, codes }),
    store: accounts,
    events: world.events,
    clock: world.clock,
    boundsMs,
  });
  const method: RenewalMethod = record.kind === "bot" ? "bot-token" : "auto-code";

  return {
    name,
    runtime,
    get grant() {
      return serving.grant;
    },
    start: () => runtime.start(),
    login: () => runtime.send({ type: "login" }),
    refresh({ servingSlot }) {
      if (servingSlot === null || runtime.state !== "unauthorised.waiting") return;
      void runtime.send({ type: "slot.moved", slot: servingSlot });
    },
    supplyCode: codes.supply,
    async renew(id) {
      const known = await accounts.findRenewal(id);
      if (known !== null) return { accepted: true, renewal: id, known: true };
      const { accepted, state } = await runtime.send({ type: "renew", id, method });
      return accepted ? { accepted, renewal: id, known: false } : { accepted, state };
    },
    pause: () => runtime.send({ type: "pause" }),
    resume: () => runtime.send({ type: "resume" }),
    async stop() {
      await runtime.send({ type: "stop" });
      await runtime.until((state) => state === "stopped");
    },
    async use(work) {
      if (!runtime.state.startsWith("active")) throw busy(name, runtime.state);
      return serving.use(work);
    },
    notifyOutbox: serving.notify,
  };
}

/** The reason recorded for a renewal that was open when its process died. */
export const interruptedRenewal = (renewal: RenewalRecord) => ({
  code: "PROCESS_DIED",
  message: `the process died while the renewal was ${renewal.state}; the old slot serves again`,
});

const busy = (account: string, state: string) =>
  new HoldfastError({
    code: "ACCOUNT_BUSY",
    message: `${account} is ${state} and takes no calls now; nothing was sent.`,
    next: `Try again in a moment; look at it with: npx holdfast status ${account}`,
    policy: "retryable",
  });
