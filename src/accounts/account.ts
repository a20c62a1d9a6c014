import type { Bound, LoginMethod, RenewalMethod } from "../../machines/lifecycle.ts";
import { methods, renewalByDefault, renewalMethodsFor } from "./login/methods.ts";
import { createGrants } from "./grants.ts";
import { HoldfastError } from "../errors.ts";
import type { TelegramClient } from "../ports/telegram/telegram.ts";
import type { AccountRecord } from "../ports/accounts/account-store.ts";
import type { TelegramWait } from "../ports/telegram/waits.ts";
import type { Question } from "../ports/accounts/question.ts";
import { type AccountRuntime, createAccountRuntime, type Delivered } from "./runtime.ts";
import type { AccountWorld } from "./context.ts";
import { createLifecycleHandlers } from "./handlers.ts";
import { createPrompts } from "./login/prompts.ts";
import { createQrReaders, sealMissing } from "./login/qr-readers.ts";
import { createServingSlot } from "./serving-slot.ts";
import { createSideSlots } from "./login/authorise.ts";
import { busyAccount } from "./busy-account.ts";

export type RenewalAnswer =
  | { readonly accepted: true; readonly renewal: string; readonly known: boolean }
  | { readonly accepted: false; readonly state: string };

/** One account on this host: its lifecycle, and the requests that it answers. */
export interface Account {
  readonly name: string;
  readonly runtime: AccountRuntime;
  /** Slot and epoch that serve now; null when none is connected. */
  readonly grant: { readonly slot: number; readonly epoch: number } | null;
  /** The question of its login or its renewal to a person; null: none. */
  readonly question: Question | null;
  /** Telegram asked for silence until then, in milliseconds since 1970; null when it may speak. */
  readonly coolingUntilMs: number | null;
  /** Methods that Telegram wants left alone, now. */
  readonly waits: readonly TelegramWait[];
  /** False while a login or a renewal is under way: a move to another host would end it. */
  readonly mayMove: boolean;
  start(): Promise<void>;
  /**
   * `id` names the login in questions and answers. `sealTo`: the public key of the one who asks, for whom the address
   * of a QR code is sealed. Throws SEAL_MISSING where a QR code has no reader.
   */
  login(id: string, method: LoginMethod, sealTo?: string | null): Promise<Delivered>;
  /** Takes the account's current record: another host may have logged it in. */
  refresh(record: AccountRecord): void;
  /**
   * A person's answer to the question of this very login or renewal; `false`: it asks no such
   * question.
   */
  answer(of: string, kind: Question["kind"], value: string): boolean;
  /** The same id twice is one renewal, and so are two that are asked for at once. `sealTo` and throws: as `login`. */
  renew(id: string, method: RenewalMethod | "auto", sealTo?: string | null): Promise<RenewalAnswer>;
  logout(): Promise<Delivered>;
  pause(): Promise<Delivered>;
  resume(): Promise<Delivered>;
  /**
   * Resolves when the account has stopped and its token is free. `force`: calls in flight are cut.
   */
  stop(force?: boolean): Promise<void>;
  /**
   * Runs calls of others over the connection that serves. Throws ACCOUNT_BUSY where the account's state allows none:
   * it is paused, drains or has no connection, or it cools and the call would send.
   */
  use<Result>(
    work: (client: TelegramClient) => Promise<Result>,
    how?: { readonly sends: boolean },
  ): Promise<Result>;
  /** New replies were committed for this account. */
  notifyOutbox(stranded?: boolean): void;
}

export function createAccount(
  world: AccountWorld,
  record: AccountRecord,
  boundsMs: Readonly<Record<Bound, number>>,
): Account {
  const { accounts, account: name } = world;
  const prompts = createPrompts((question) =>
    world.events.report({ type: "question", account: name, question }),
  );
  const grants = createGrants(world);
  const serving = createServingSlot(
    world,
    grants,
    prompts,
    (event) => void runtime.send(event),
    (slot, why) => void leaveDyingKey(slot, why).catch(() => undefined),
  );
  const qrReaders = createQrReaders(name, world.seal);
  const sideSlots = createSideSlots(world, grants, prompts, qrReaders);
  const runtime = createAccountRuntime({
    input: {
      account: name,
      kind: record.kind,
      slot: record.servingSlot,
      pauseWanted: record.wanted === "pause",
    },
    handlers: createLifecycleHandlers({ world, grants, serving, sideSlots }),
    store: accounts,
    events: world.events,
    clock: world.clock,
    boundsMs,
  });

  /** Once for each key, as long as it still lets another one in. */
  async function leaveDyingKey(slot: number, why: string): Promise<void> {
    const message = `Telegram warns that it may end the key of slot ${slot} (${why}); it is renewed now`;
    world.events.report({ type: "note", account: name, code: "KEY_DYING", message });
    await account.renew(`dying-key-${name}-${slot}`, "auto");
  }

  const account: Account = {
    name,
    runtime,
    get grant() {
      return serving.grant;
    },
    get question() {
      return prompts.open;
    },
    get coolingUntilMs() {
      const untilMs = serving.coolingUntilMs;
      return untilMs !== null && untilMs > world.clock.now() ? untilMs : null;
    },
    get waits() {
      return world.waits.inForce;
    },
    get mayMove() {
      const { login, renewal } = runtime.snapshot.context;
      return login === null && renewal === null;
    },
    start: () => runtime.start(),
    async login(id, method, sealTo = null) {
      if (method === "qr" && sealTo === null) throw sealMissing(name, "auth");
      return qrReaders.during(id, sealTo, () => runtime.send({ type: "login", id, method }));
    },
    refresh({ servingSlot }) {
      if (servingSlot === null || runtime.state !== "unauthorised.waiting") return;
      void runtime.send({ type: "slot.moved", slot: servingSlot });
    },
    answer: (of, kind, value) => prompts.answer(of, kind, value),
    async renew(id, method, sealTo = null) {
      const known = await accounts.findRenewal(id);
      if (known !== null) return { accepted: true, renewal: id, known: true };
      const chosen = method === "auto" ? renewalByDefault(record.kind) : method;
      refuseForOtherKind(name, record.kind, chosen);
      if (chosen === "qr" && sealTo === null) throw sealMissing(name, "renew");
      const { accepted, state } = await qrReaders.during(id, sealTo, () =>
        runtime.send({ type: "renew", id, method: chosen }),
      );
      if (accepted) return { accepted, renewal: id, known: false };
      const { renewal } = runtime.snapshot.context;
      if (renewal !== null) return { accepted: true, renewal: renewal.id, known: true };
      return { accepted, state };
    },
    logout: () => runtime.send({ type: "logout" }),
    pause: () => runtime.send({ type: "pause" }),
    resume: () => runtime.send({ type: "resume" }),
    async stop(force = false) {
      await runtime.send({ type: "stop", force });
      await runtime.until((state) => state === "stopped");
    },
    async use(work, { sends } = { sends: true }) {
      const { state } = runtime;
      const mayCall = state.startsWith("active") || (state === "cooling" && !sends);
      if (!mayCall) throw busyAccount(name, state, account.coolingUntilMs, world.clock.now());
      return serving.use(work);
    },
    notifyOutbox: serving.notify,
  };
  return account;
}

/** As in `auto-code, code, qr or handoff`. */
const oneOf = new Intl.ListFormat("en-GB", { type: "disjunction" });

/** Throws METHOD_UNFIT: a bot has its token alone, and a user has none. */
function refuseForOtherKind(
  account: string,
  kind: AccountRecord["kind"],
  method: RenewalMethod,
): void {
  if (methods[method].fits === kind) return;
  const fit = oneOf.format(renewalMethodsFor(kind));
  throw new HoldfastError({
    code: "METHOD_UNFIT",
    message: `${account} is a ${kind} and cannot be renewed by ${method}; nothing was changed.`,
    next: `Use --method ${fit}, or auto.`,
  });
}
