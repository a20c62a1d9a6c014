import { effect } from "./effect.ts";

export type AccountKind = "user" | "bot";
/** How the next key of an account is authorised; docs/renewing.md says who has to do something for it. */
export type RenewalMethod = "auto-code" | "code" | "qr" | "handoff" | "bot-token";
/** How an account without a working key is authorised; `import`: its session was brought along. */
export type LoginMethod = "code" | "qr" | "bot-token" | "import";

/** Why something stopped: a stable code and a sentence for a person. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  /** Telegram wants no further attempt for so long, in seconds. */
  readonly waitSeconds?: number;
}

/** The waits that are bounded. The engine knows how long each may take, in milliseconds. */
export type Bound =
  | "authorising"
  | "seeking"
  | "connecting"
  | "preparing"
  | "draining"
  | "verifying"
  | "renewing"
  | "restarting"
  | "aborting"
  | "burying"
  | "leaving"
  | "releasing";

export interface LifecycleInput {
  readonly account: string;
  readonly kind: AccountKind;
  /** The slot that serves; null while the account has no authorisation. */
  readonly slot: number | null;
  /** A person wants it connected and silent. */
  readonly pauseWanted: boolean;
}

export interface LifecycleContext extends LifecycleInput {
  /** Epoch of the token under which the serving slot is connected; 0 when none is held. */
  readonly epoch: number;
  readonly login: { readonly id: string; readonly method: LoginMethod } | null;
  readonly renewal: { readonly id: string; readonly method: RenewalMethod } | null;
  /** The slot that the renewal authorised; it takes over at the switch. */
  readonly nextSlot: number | null;
  readonly draining: "renewal" | "stop" | "logout";
  /** True while the client of the serving slot is still connected, so that an abort loses nothing. */
  readonly serving: boolean;
  readonly stopWanted: boolean;
  /** Telegram asked for silence while a renewal prepares its key. */
  readonly silenced: boolean;
  readonly reason: Reason | null;
}

type Fault = { readonly reason: Reason };

/** The connection that an event is about: an event of an earlier one, or of another slot's, changes nothing. */
export interface ConnectionRef {
  readonly slot: number;
  /** 0 where nothing is connected yet. */
  readonly epoch: number;
}

type OfConnection = { readonly grant: ConnectionRef };

export type LifecycleEvent =
  | { readonly type: "login"; readonly id: string; readonly method: LoginMethod }
  | ({ readonly type: "login.failed" } & Fault)
  | { readonly type: "slot.authorised"; readonly slot: number }
  /** Another slot serves now: another host has logged the account in or renewed it, or it takes a dead one's place. */
  | { readonly type: "slot.moved"; readonly slot: number }
  | { readonly type: "token.granted"; readonly epoch: number }
  | ({ readonly type: "token.lost" } & OfConnection & Fault)
  | { readonly type: "client.ready" }
  | ({ readonly type: "client.failed" } & Fault)
  | ({ readonly type: "client.lost" } & OfConnection & Fault)
  /** A key is dead under every epoch: only its slot is compared. */
  | ({ readonly type: "key.dead" } & OfConnection & Fault)
  /** The dead key is on record, and no other key of the account is known. */
  | { readonly type: "buried" }
  | ({ readonly type: "flood"; readonly waitSeconds: number } & OfConnection)
  | { readonly type: "cooled" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "renew"; readonly id: string; readonly method: RenewalMethod }
  | { readonly type: "slot.prepared"; readonly slot: number }
  | ({ readonly type: "prepare.failed" } & Fault)
  | { readonly type: "drained" }
  | ({ readonly type: "drain.failed" } & Fault)
  | { readonly type: "idle.verified" }
  | ({ readonly type: "idle.refused" } & Fault)
  | { readonly type: "switched"; readonly epoch: number }
  | ({ readonly type: "switch.failed" } & Fault)
  | { readonly type: "returned" }
  | { readonly type: "cut.confirmed" }
  /** The session is logged out for good; the account waits for a login then. */
  | { readonly type: "logout" }
  | { readonly type: "slot.retired" }
  /** `force`: calls in flight are cut. */
  | { readonly type: "stop"; readonly force?: boolean }
  | { readonly type: "released" }
  | { readonly type: "bound.passed"; readonly bound: Bound };

/**
 * Work that the lifecycle asks for. Only the engine's handler for each does it; the result returns
 * as an event.
 */
export const lifecycleEffects = {
  /** Authorise the first slot: answers `slot.authorised` or `login.failed`. */
  authorise: effect<{
    readonly account: string;
    readonly login: string;
    readonly method: LoginMethod;
  }>(),
  /** Obtain the token of the slot: answers `token.granted` once it is free, `slot.moved` if another serves now. */
  seekToken: effect<{ readonly slot: number }>(),
  /** Connect and verify by a real call: `client.ready`, `client.failed` or `key.dead`. The gap is filled beside. */
  connect: effect<{ readonly slot: number; readonly epoch: number }>(),
  /** Let conversations and the outbox use the connected client. */
  serve: effect<{ readonly slot: number; readonly epoch: number }>(),
  /** Keep the connection, send nothing. */
  hold: effect<{ readonly slot: number; readonly waitSeconds: number | null }>(),
  /** Log out slots that no longer serve, or never will. Answers nothing; it is retried at the next `active`. */
  tidySlots: effect<{ readonly serving: number | null }>(),
  /** Authorise a further slot while this one serves: `slot.prepared` or `prepare.failed`. */
  prepareSlot: effect<{
    readonly renewal: string;
    readonly method: RenewalMethod;
    readonly serving: number;
  }>(),
  /** Stop new calls, let those in flight finish, cut, see 0 sockets, free the token: `drained` or `drain.failed`. */
  drain: effect<{ readonly slot: number; readonly epoch: number }>(),
  /** Second, independent proof that nothing uses the key: `idle.verified` or `idle.refused`. */
  verifyIdle: effect<{ readonly slot: number }>(),
  /** Point the account at the next slot and take its token: `switched` or `switch.failed`. */
  switchSlot: effect<{
    readonly renewal: string;
    readonly from: number;
    readonly to: number;
  }>(),
  /** Point the account back at the old slot, drop the next one: `returned`. */
  abortRenewal: effect<{
    readonly renewal: string;
    readonly slot: number;
    readonly nextSlot: number | null;
    /** True when the old slot's client is still connected and must stay so. */
    readonly stillServing: boolean;
    readonly reason: Reason;
  }>(),
  /** Record that the renewal ended well. Answers nothing. */
  finishRenewal: effect<{ readonly renewal: string; readonly slot: number }>(),
  /** Cut all of the account's connections and free its token: `cut.confirmed`. */
  cut: effect<{ readonly reason: Reason }>(),
  /**
   * Cut, mark the slot dead, keep its key record aside, and let another authorised slot of the account serve:
   * `slot.moved`, or `buried` where there is none.
   */
  bury: effect<{ readonly slot: number; readonly reason: Reason }>(),
  /**
   * The account no longer has a serving slot; the former one is to be logged out: `slot.retired`.
   */
  retireServing: effect<{ readonly slot: number }>(),
  /** Free the token: `released`. */
  release: effect<{ readonly slot: number | null; readonly epoch: number }>(),
  /** Send `bound.passed` when the bound's time has passed in this state. */
  startBound: effect<{ readonly bound: Bound }>(),
};
