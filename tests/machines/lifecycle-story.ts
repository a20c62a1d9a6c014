import {
  type LifecycleEvent,
  type LifecycleInput,
  lifecycleMachine,
  type Reason,
} from "../../machines/lifecycle.ts";
import { type Story, specify } from "../models/specify.ts";

/** Beginnings that the stories of the lifecycle share. */

export const user: LifecycleInput = {
  account: "amelie",
  kind: "user",
  slot: 1,
  pauseWanted: false,
};

export const faulty: Reason = { code: "TOLD", message: "told by the test" };

export const login: LifecycleEvent = { type: "login", id: "login-1", method: "code" };
export const granted: LifecycleEvent = { type: "token.granted", epoch: 5 };
export const ready: LifecycleEvent = { type: "client.ready" };
export const renew: LifecycleEvent = { type: "renew", id: "r-1", method: "auto-code" };
export const prepared: LifecycleEvent = { type: "slot.prepared", slot: 2 };
export const drained: LifecycleEvent = { type: "drained" };
export const verified: LifecycleEvent = { type: "idle.verified" };
export const switched: LifecycleEvent = { type: "switched", epoch: 1 };
export const returned: LifecycleEvent = { type: "returned" };
export const released: LifecycleEvent = { type: "released" };
export const stop: LifecycleEvent = { type: "stop" };
export const dead: LifecycleEvent = { type: "key.dead", reason: faulty };
export const tokenLost: LifecycleEvent = { type: "token.lost", reason: faulty };

/** The events that lead an authorised account into each state, from its start. */
export const wayTo = {
  seeking: [],
  connecting: [granted],
  active: [granted, ready],
  cooling: [granted, ready, { type: "flood", waitSeconds: 259 }],
  paused: [granted, ready, { type: "pause" }],
  preparing: [granted, ready, renew],
  draining: [granted, ready, renew, prepared],
  "verified-idle": [granted, ready, renew, prepared, drained],
  renewing: [granted, ready, renew, prepared, drained, verified],
  restarting: [granted, ready, renew, prepared, drained, verified, switched],
  "aborting while serving": [granted, ready, renew, { type: "prepare.failed", reason: faulty }],
  "aborting after the drain": [
    granted,
    ready,
    renew,
    prepared,
    drained,
    { type: "idle.refused", reason: faulty },
  ],
  fenced: [granted, ready, tokenLost],
  quarantined: [granted, ready, dead],
  "draining to stop": [granted, ready, stop],
} as const satisfies Readonly<Record<string, readonly LifecycleEvent[]>>;

export type Place = keyof typeof wayTo;

/** An account that was authorised before and has reached this place. */
export const accountIn = (place: Place): Story<typeof lifecycleMachine> =>
  specify(lifecycleMachine, user).after(...wayTo[place]);
