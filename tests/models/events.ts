import type { SnapshotFrom } from "xstate";
import { conversationMachine } from "../../machines/conversation.ts";
import { type Bound, lifecycleMachine, lifecycleStateName } from "../../machines/lifecycle.ts";
import {
  reportStatuses,
  siteManagerLanguages,
  siteManagerMachine,
} from "../../machines/site-manager.ts";
import { tokenMachine } from "../../machines/token.ts";
import type { MachineModel } from "./model.ts";

type TokenSnapshot = SnapshotFrom<typeof tokenMachine>;
type LifecycleSnapshot = SnapshotFrom<typeof lifecycleMachine>;

const epochs = ({ context }: TokenSnapshot) => [context.epoch, context.epoch - 1];
const incarnations = ({ context }: TokenSnapshot) => [
  context.incarnation ?? "incarnation-1",
  "stranger",
];

export const tokenModel: MachineModel<typeof tokenMachine> = {
  machine: tokenMachine,
  starts: { "a new slot": {}, "a slot with a history": { epoch: 41 } },
  cases: {
    grant: () => [{ type: "grant", incarnation: "incarnation-1" }],
    superseded: (now) =>
      incarnations(now).flatMap((incarnation) =>
        epochs(now).flatMap((epoch) =>
          [epoch + 3, epoch - 1].map((floor) => ({
            type: "superseded",
            epoch,
            incarnation,
            floor,
          })),
        ),
      ),
    connected: (now) => epochs(now).map((epoch) => ({ type: "connected", epoch })),
    drain: (now) => epochs(now).map((epoch) => ({ type: "drain", epoch })),
    released: (now) => epochs(now).map((epoch) => ({ type: "released", epoch })),
    revoked: (now) => incarnations(now).map((incarnation) => ({ type: "revoked", incarnation })),
    silenced: (now) => incarnations(now).map((incarnation) => ({ type: "silenced", incarnation })),
  },
  stateKey: ({ value, context }) =>
    JSON.stringify([value, context.heldAs, context.incarnation === null]),
};

/** The bound that runs in each state that has one. */
const boundOfState: Readonly<Record<string, Bound>> = {
  "unauthorised.authorising": "authorising",
  seeking: "seeking",
  connecting: "connecting",
  "active.preparing": "preparing",
  draining: "draining",
  "verified-idle": "verifying",
  renewing: "renewing",
  restarting: "restarting",
  aborting: "aborting",
  leaving: "leaving",
  releasing: "releasing",
};

const fault = (code: string) => ({ reason: { code, message: `told by the test: ${code}` } });

const newSlot = ({ context }: LifecycleSnapshot) =>
  Math.max(context.slot ?? 0, context.nextSlot ?? 0) + 1;

export const lifecycleModel: MachineModel<typeof lifecycleMachine> = {
  machine: lifecycleMachine,
  starts: {
    "a user without an authorisation": {
      account: "amelie",
      kind: "user",
      slot: null,
      pauseWanted: false,
    },
    "a bot that was authorised before": {
      account: "sites-bot",
      kind: "bot",
      slot: 1,
      pauseWanted: false,
    },
  },
  cases: {
    login: ({ context }) => [
      {
        type: "login",
        id: "login-1",
        method: context.kind === "bot" ? "bot-token" : "code",
      },
    ],
    "login.failed": () => [{ type: "login.failed", ...fault("PHONE_CODE_INVALID") }],
    "slot.authorised": (now) => [{ type: "slot.authorised", slot: newSlot(now) }],
    "slot.moved": (now) => [{ type: "slot.moved", slot: newSlot(now) }],
    "token.granted": () => [{ type: "token.granted", epoch: 7 }],
    "token.lost": () => [{ type: "token.lost", ...fault("TOKEN_LOST") }],
    "client.ready": () => [{ type: "client.ready" }],
    "client.failed": () => [{ type: "client.failed", ...fault("CONNECTION_LOST") }],
    "client.lost": () => [{ type: "client.lost", ...fault("CONNECTION_LOST") }],
    "key.dead": () => [{ type: "key.dead", ...fault("AUTH_KEY_DUPLICATED") }],
    flood: () => [{ type: "flood", waitSeconds: 11 }],
    cooled: () => [{ type: "cooled" }],
    pause: () => [{ type: "pause" }],
    resume: () => [{ type: "resume" }],
    renew: ({ context }) => [
      {
        type: "renew",
        id: "renewal-1",
        method: context.kind === "bot" ? "bot-token" : "auto-code",
      },
    ],
    "slot.prepared": (now) => [{ type: "slot.prepared", slot: newSlot(now) }],
    "prepare.failed": () => [{ type: "prepare.failed", ...fault("PHONE_CODE_EXPIRED") }],
    drained: () => [{ type: "drained" }],
    "drain.failed": () => [{ type: "drain.failed", ...fault("GATE_LOST") }],
    "idle.verified": () => [{ type: "idle.verified" }],
    "idle.refused": () => [{ type: "idle.refused", ...fault("NOT_IDLE") }],
    switched: () => [{ type: "switched", epoch: 3 }],
    "switch.failed": () => [{ type: "switch.failed", ...fault("SWITCH_REFUSED") }],
    returned: () => [{ type: "returned" }],
    "cut.confirmed": () => [{ type: "cut.confirmed" }],
    logout: () => [{ type: "logout" }],
    "slot.retired": () => [{ type: "slot.retired" }],
    stop: () => [{ type: "stop" }, { type: "stop", force: true }],
    released: () => [{ type: "released" }],
    "bound.passed": ({ value }) => {
      const bound = boundOfState[lifecycleStateName(value)];
      return bound === undefined ? [] : [{ type: "bound.passed", bound }];
    },
  },
  stateKey: ({ value, context }) =>
    JSON.stringify([
      value,
      context.kind,
      context.slot === null,
      context.nextSlot === null ? null : context.nextSlot > (context.slot ?? 0),
      context.epoch > 0,
      context.renewal === null,
      context.draining,
      context.serving,
      context.stopWanted,
      context.pauseWanted,
      context.login === null,
      lifecycleStateName(value) === "active.preparing" && context.silenced,
    ]),
};

export const conversationModel: MachineModel<typeof conversationMachine> = {
  machine: conversationMachine,
  starts: { "a chat user never seen": undefined },
  cases: {
    inbound: () => [{ type: "inbound" }],
    inactive: () => [{ type: "inactive" }],
    escalate: () => [{ type: "escalate" }],
    resolve: () => [{ type: "resolve" }],
    end: () => [{ type: "end" }],
  },
  stateKey: ({ value }) => JSON.stringify(value),
};

export const siteManagerModel: MachineModel<typeof siteManagerMachine> = {
  machine: siteManagerMachine,
  starts: { "a new session": undefined },
  cases: {
    hello: () => [{ type: "hello" }],
    "view-sites": () => [{ type: "view-sites" }],
    "choose-site": () => [
      { type: "choose-site", siteId: "site-1" },
      { type: "choose-site", siteId: "site-2" },
    ],
    "choose-task": () => [
      { type: "choose-task", siteId: "site-1", taskId: "nogent-1" },
      { type: "choose-task", siteId: "site-2", taskId: "bondy-1" },
    ],
    photos: () => [{ type: "photos", count: 2 }],
    "set-status": () => reportStatuses.map((status) => ({ type: "set-status", status })),
    "send-report": () => [{ type: "send-report" }],
    "choose-language": () =>
      siteManagerLanguages.map((language) => ({ type: "choose-language", language })),
    "ask-for-person": () => [{ type: "ask-for-person" }],
    "other-words": () => [{ type: "other-words" }],
    "stale-button": () => [{ type: "stale-button" }],
  },
  stateKey: ({ value, context }) => JSON.stringify([value, context.siteId, context.taskId]),
};

/** One model per machine, found by the machine's id. */
export const models: ReadonlyMap<string, MachineModel> = new Map<string, MachineModel>([
  [tokenMachine.id, tokenModel],
  [lifecycleMachine.id, lifecycleModel],
  [conversationMachine.id, conversationModel],
  [siteManagerMachine.id, siteManagerModel],
]);
