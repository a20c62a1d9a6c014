import { type AnyStateNode, assign, enqueueActions, setup } from "xstate";
import {
  type Bound,
  type LifecycleContext,
  type LifecycleEvent,
  type LifecycleInput,
  lifecycleEffects,
  type Reason,
} from "./lifecycle-language.ts";

export * from "./lifecycle-language.ts";

/** The new slot has answered a real call: the renewal is done. */
const renewalEnds = [
  {
    type: "finishRenewal",
    params: ({ context }: { context: LifecycleContext }) => ({
      renewal: context.renewal!.id,
      slot: context.slot!,
    }),
  },
  "endRenewal",
  "clearReason",
] as const;

const fences = { target: "fenced", actions: "rememberReason" } as const;
const fencesIfItsOwn = { guard: "ofThisGrant", ...fences } as const;
const buries = { guard: "ofThisSlot", target: "burying", actions: "rememberReason" } as const;

/** A connected account loses its client, its token or its key, or is to stop. */
const endsOfService = {
  "client.lost": fencesIfItsOwn,
  "token.lost": fencesIfItsOwn,
  "key.dead": buries,
  stop: [
    { guard: "forced", target: "releasing", actions: "wantStop" },
    { target: "draining", actions: "drainToStop" },
  ],
} as const;

/** The drain did not end well; what it was for decides where that leads. */
const endsOfDrain = [
  { guard: "drainingToRenew", target: "aborting", actions: ["rememberReason", "dropEpoch"] },
  // A logout that could not be made safe has not happened.
  { guard: "drainingToLeave", target: "fenced", actions: "rememberReason" },
  { target: "releasing", actions: "rememberReason" },
] as const;

/** The new slot cannot serve. */
const returnsToOldSlot = {
  target: "aborting",
  actions: ["rememberReason", "swapSlotsBack"],
} as const;

/** The abort was asked to leave the client alone; now that it is gone, what it held must be ended too. */
const endsBesideAbort = {
  guard: "ofTheServingGrant",
  target: "aborting",
  reenter: true,
  actions: "dropEpoch",
} as const;

/** The same for the loss of the token under which it drains. */
const endsOfDrainingGrant = [
  { ...endsOfDrain[0], guard: "lostDrainingToRenew" },
  { ...endsOfDrain[1], guard: "lostDrainingToLeave" },
  { ...endsOfDrain[2], guard: "ofThisGrant" },
] as const;

const isOfGrant = ({ slot, epoch }: LifecycleContext, event: LifecycleEvent): boolean =>
  "grant" in event && event.grant.slot === slot && event.grant.epoch === epoch;

const boundReason = (bound: Bound): Reason => ({
  code: `BOUND_${bound.toUpperCase()}`,
  message: `${bound} took longer than its bound`,
});

export const lifecycleMachine = setup({
  types: {
    context: {} as LifecycleContext,
    events: {} as LifecycleEvent,
    input: {} as LifecycleInput,
  },
  guards: {
    hasSlot: ({ context }) => context.slot !== null,
    stopWanted: ({ context }) => context.stopWanted,
    silenced: ({ context }) => context.silenced,
    drainingToRenew: ({ context }) => context.draining === "renewal",
    drainingToLeave: ({ context }) => context.draining === "logout",
    pauseWanted: ({ context }) => context.pauseWanted,
    forced: ({ event }) => event.type === "stop" && event.force === true,
    stillServing: ({ context }) => context.serving,
    ofThisGrant: ({ context, event }) => isOfGrant(context, event),
    lostDrainingToRenew: ({ context, event }) =>
      context.draining === "renewal" && isOfGrant(context, event),
    lostDrainingToLeave: ({ context, event }) =>
      context.draining === "logout" && isOfGrant(context, event),
    ofTheServingGrant: ({ context, event }) => context.serving && isOfGrant(context, event),
    ofThisSlot: ({ context, event }) => "grant" in event && event.grant.slot === context.slot,
    loginWanted: ({ context }) => context.login !== null,
    stillServingButStopping: ({ context }) => context.serving && context.stopWanted,
  },
  actions: {
    ...lifecycleEffects,
    adoptSlot: assign({
      slot: ({ context, event }) =>
        event.type === "slot.authorised" || event.type === "slot.moved" ? event.slot : context.slot,
      reason: null,
    }),
    /** The dead key's place is taken. The reason stays, so that a person sees why. */
    adoptReplacement: assign({
      slot: ({ context, event }) => (event.type === "slot.moved" ? event.slot : context.slot),
      login: null,
    }),
    /** The dead key stays on record, but nothing seeks it again. */
    forgetSlot: assign({ slot: null }),
    adoptEpoch: assign({
      epoch: ({ context, event }) => ("epoch" in event ? event.epoch : context.epoch),
    }),
    dropEpoch: assign({ epoch: 0, serving: false }),
    startServing: assign({ serving: true }),
    clearReason: assign({ reason: null }),
    beginRenewal: assign({
      renewal: ({ context, event }) =>
        event.type === "renew" ? { id: event.id, method: event.method } : context.renewal,
      nextSlot: null,
      silenced: false,
      reason: null,
    }),
    beSilent: assign({ silenced: true }),
    speakAgain: assign({ silenced: false }),
    adoptNextSlot: assign({
      nextSlot: ({ context, event }) =>
        event.type === "slot.prepared" ? event.slot : context.nextSlot,
    }),
    drainToRenew: assign({ draining: "renewal" }),
    drainToStop: assign({ draining: "stop", stopWanted: true }),
    drainToLeave: assign({ draining: "logout" }),
    wantPause: assign({ pauseWanted: true }),
    wantService: assign({ pauseWanted: false }),
    beginLogin: assign({
      login: ({ context, event }) =>
        event.type === "login" ? { id: event.id, method: event.method } : context.login,
      reason: null,
    }),
    /** Begins once the dead key is on record: it must not be taken for a serving one. */
    wantLogin: assign({
      login: ({ context, event }) =>
        event.type === "login" ? { id: event.id, method: event.method } : context.login,
    }),
    endLogin: assign({ login: null }),
    /** The remains of an earlier login. */
    tidyWithoutSlot: enqueueActions(({ context, enqueue }) => {
      if (context.slot === null) enqueue({ type: "tidySlots", params: { serving: null } });
    }),
    serveUnlessPaused: enqueueActions(({ context, enqueue }) => {
      if (context.pauseWanted) return;
      enqueue({ type: "serve", params: { slot: context.slot!, epoch: context.epoch } });
      enqueue({ type: "tidySlots", params: { serving: context.slot } });
    }),
    wantStop: assign({ stopWanted: true }),
    swapSlots: assign({
      slot: ({ context }) => context.nextSlot,
      nextSlot: ({ context }) => context.slot,
      epoch: ({ context, event }) => ("epoch" in event ? event.epoch : context.epoch),
    }),
    swapSlotsBack: assign({
      slot: ({ context }) => context.nextSlot,
      nextSlot: ({ context }) => context.slot,
      epoch: 0,
      serving: false,
    }),
    endRenewal: assign({ renewal: null, nextSlot: null }),
    rememberReason: assign({
      reason: ({ context, event }) => ("reason" in event ? event.reason : context.reason),
    }),
    rememberStop: assign({
      reason: {
        code: "STOP_WANTED",
        message: "a stop was asked for before the new slot was ready",
      },
    }),
    rememberBound: assign({
      reason: ({ context, event }) =>
        event.type === "bound.passed" ? boundReason(event.bound) : context.reason,
    }),
  },
}).createMachine({
  id: "lifecycle",
  description: "One account from its first login through serving, renewal and faults to its stop.",
  context: ({ input }) => ({
    ...input,
    epoch: 0,
    login: null,
    renewal: null,
    nextSlot: null,
    draining: "stop",
    serving: false,
    stopWanted: false,
    silenced: false,
    reason: null,
  }),
  initial: "unauthorised",
  on: {
    // In every state: a person's wish holds as soon as the account is connected.
    pause: { actions: "wantPause" },
    resume: { actions: "wantService" },
  },
  states: {
    unauthorised: {
      initial: "waiting",
      always: { guard: "hasSlot", target: "seeking" },
      states: {
        waiting: {
          entry: "tidyWithoutSlot",
          on: {
            login: { target: "authorising", actions: "beginLogin" },
            "slot.moved": { target: "#lifecycle.seeking", actions: "adoptSlot" },
            stop: "#lifecycle.stopped",
          },
        },
        authorising: {
          entry: [
            {
              type: "authorise",
              params: ({ context }) => ({
                account: context.account,
                login: context.login!.id,
                method: context.login!.method,
              }),
            },
            { type: "startBound", params: { bound: "authorising" } },
          ],
          on: {
            "login.failed": { target: "waiting", actions: ["rememberReason", "endLogin"] },
            "bound.passed": { target: "waiting", actions: ["rememberBound", "endLogin"] },
            "slot.authorised": {
              target: "#lifecycle.seeking",
              actions: ["adoptSlot", "endLogin"],
            },
            // The tidying logs out the key that it may have made.
            logout: { target: "waiting", actions: "endLogin" },
            stop: { target: "#lifecycle.releasing", actions: ["wantStop", "endLogin"] },
          },
        },
      },
    },
    seeking: {
      entry: [
        { type: "seekToken", params: ({ context }) => ({ slot: context.slot! }) },
        { type: "startBound", params: { bound: "seeking" } },
      ],
      on: {
        "token.granted": { target: "connecting", actions: "adoptEpoch" },
        "slot.moved": { target: "seeking", reenter: true, actions: "adoptSlot" },
        "bound.passed": { target: "seeking", reenter: true },
        "key.dead": buries,
        stop: { target: "releasing", actions: "wantStop" },
      },
    },
    connecting: {
      entry: [
        {
          type: "connect",
          params: ({ context }) => ({ slot: context.slot!, epoch: context.epoch }),
        },
        { type: "startBound", params: { bound: "connecting" } },
      ],
      on: {
        "client.ready": "active",
        "client.failed": fences,
        "bound.passed": { target: "fenced", actions: "rememberBound" },
        "token.lost": fencesIfItsOwn,
        "key.dead": buries,
        stop: { target: "releasing", actions: "wantStop" },
      },
    },
    active: {
      initial: "serving",
      entry: "startServing",
      on: {
        ...endsOfService,
      },
      states: {
        serving: {
          entry: "serveUnlessPaused",
          always: { guard: "pauseWanted", target: "#lifecycle.paused" },
          on: {
            renew: { target: "preparing", actions: "beginRenewal" },
            flood: { guard: "ofThisGrant", target: "#lifecycle.cooling" },
            pause: { target: "#lifecycle.paused", actions: "wantPause" },
            logout: { target: "#lifecycle.draining", actions: "drainToLeave" },
          },
        },
        preparing: {
          entry: [
            {
              type: "prepareSlot",
              params: ({ context }) => ({
                renewal: context.renewal!.id,
                method: context.renewal!.method,
                serving: context.slot!,
              }),
            },
            { type: "startBound", params: { bound: "preparing" } },
          ],
          on: {
            "slot.prepared": {
              target: "#lifecycle.draining",
              actions: ["adoptNextSlot", "drainToRenew"],
            },
            "prepare.failed": { target: "#lifecycle.aborting", actions: "rememberReason" },
            "bound.passed": { target: "#lifecycle.aborting", actions: "rememberBound" },
            stop: [
              {
                guard: "forced",
                target: "#lifecycle.releasing",
                actions: ["wantStop", "endRenewal"],
              },
              { target: "#lifecycle.aborting", actions: ["wantStop", "rememberStop"] },
            ],
            // Telegram may ask for patience here too; the renewal goes on.
            flood: {
              guard: "ofThisGrant",
              actions: [
                "beSilent",
                {
                  type: "hold",
                  params: ({ context, event }) => ({
                    slot: context.slot!,
                    waitSeconds: event.waitSeconds,
                  }),
                },
              ],
            },
            cooled: {
              guard: "silenced",
              actions: [
                "speakAgain",
                {
                  type: "serve",
                  params: ({ context }) => ({ slot: context.slot!, epoch: context.epoch }),
                },
              ],
            },
          },
        },
      },
    },
    cooling: {
      entry: {
        type: "hold",
        params: ({ context, event }) => ({
          slot: context.slot!,
          waitSeconds: event.type === "flood" ? event.waitSeconds : null,
        }),
      },
      on: {
        cooled: "active",
        pause: { target: "paused", actions: "wantPause" },
        logout: { target: "draining", actions: "drainToLeave" },
        ...endsOfService,
      },
    },
    paused: {
      entry: {
        type: "hold",
        params: ({ context }) => ({ slot: context.slot!, waitSeconds: null }),
      },
      on: {
        resume: { target: "active", actions: "wantService" },
        logout: { target: "draining", actions: "drainToLeave" },
        ...endsOfService,
      },
    },
    draining: {
      entry: [
        {
          type: "drain",
          params: ({ context }) => ({ slot: context.slot!, epoch: context.epoch }),
        },
        { type: "startBound", params: { bound: "draining" } },
      ],
      on: {
        drained: [
          { guard: "drainingToRenew", target: "verified-idle", actions: "dropEpoch" },
          { guard: "drainingToLeave", target: "leaving", actions: "dropEpoch" },
          { target: "releasing" },
        ],
        "drain.failed": endsOfDrain,
        "bound.passed": [
          { guard: "drainingToRenew", target: "aborting", actions: ["rememberBound", "dropEpoch"] },
          { guard: "drainingToLeave", target: "fenced", actions: "rememberBound" },
          { target: "releasing", actions: "rememberBound" },
        ],
        "token.lost": endsOfDrainingGrant,
        "key.dead": buries,
        stop: [
          { guard: "forced", target: "releasing", actions: ["wantStop", "endRenewal"] },
          // A logout gives way; the account stays as it was.
          { guard: "drainingToLeave", actions: "drainToStop" },
          { actions: "wantStop" },
        ],
      },
    },
    "verified-idle": {
      entry: [
        { type: "verifyIdle", params: ({ context }) => ({ slot: context.slot! }) },
        { type: "startBound", params: { bound: "verifying" } },
      ],
      on: {
        "idle.verified": "renewing",
        "idle.refused": { target: "aborting", actions: "rememberReason" },
        "bound.passed": { target: "aborting", actions: "rememberBound" },
        stop: { actions: "wantStop" },
      },
    },
    renewing: {
      entry: [
        {
          type: "switchSlot",
          params: ({ context }) => ({
            renewal: context.renewal!.id,
            from: context.slot!,
            to: context.nextSlot!,
          }),
        },
        { type: "startBound", params: { bound: "renewing" } },
      ],
      on: {
        switched: { target: "restarting", actions: "swapSlots" },
        "switch.failed": { target: "aborting", actions: "rememberReason" },
        "bound.passed": { target: "aborting", actions: "rememberBound" },
        stop: { actions: "wantStop" },
      },
    },
    restarting: {
      entry: [
        {
          type: "connect",
          params: ({ context }) => ({ slot: context.slot!, epoch: context.epoch }),
        },
        { type: "startBound", params: { bound: "restarting" } },
      ],
      on: {
        "client.ready": [
          { guard: "stopWanted", target: "draining", actions: [...renewalEnds, "drainToStop"] },
          { target: "active", actions: renewalEnds },
        ],
        "client.failed": returnsToOldSlot,
        "key.dead": { guard: "ofThisSlot", ...returnsToOldSlot },
        "token.lost": { guard: "ofThisGrant", ...returnsToOldSlot },
        "bound.passed": { target: "aborting", actions: ["rememberBound", "swapSlotsBack"] },
        stop: { actions: "wantStop" },
      },
    },
    aborting: {
      entry: [
        {
          type: "abortRenewal",
          params: ({ context }) => ({
            renewal: context.renewal!.id,
            slot: context.slot!,
            nextSlot: context.nextSlot,
            stillServing: context.serving,
            reason: context.reason!,
          }),
        },
        { type: "startBound", params: { bound: "aborting" } },
      ],
      on: {
        returned: [
          {
            guard: "stillServingButStopping",
            target: "draining",
            actions: ["endRenewal", "drainToStop"],
          },
          { guard: "stillServing", target: "active", actions: "endRenewal" },
          { guard: "stopWanted", target: "releasing", actions: "endRenewal" },
          { target: "seeking", actions: "endRenewal" },
        ],
        "bound.passed": [
          {
            guard: "stopWanted",
            target: "releasing",
            actions: ["rememberBound", "endRenewal"],
          },
          { target: "aborting", reenter: true },
        ],
        "client.lost": endsBesideAbort,
        "token.lost": endsBesideAbort,
        "key.dead": buries,
        stop: { actions: "wantStop" },
      },
    },
    fenced: {
      entry: ["dropEpoch", { type: "cut", params: ({ context }) => ({ reason: context.reason! }) }],
      on: {
        "cut.confirmed": { target: "seeking", actions: "endRenewal" },
        // Releasing cuts as well, and is bounded.
        stop: { target: "releasing", actions: ["wantStop", "endRenewal"] },
      },
    },
    // Its key is dead. Another key of the account that is authorised already takes its place.
    burying: {
      entry: [
        "dropEpoch",
        "endRenewal",
        {
          type: "bury",
          params: ({ context }) => ({ slot: context.slot!, reason: context.reason! }),
        },
        { type: "startBound", params: { bound: "burying" } },
      ],
      on: {
        "slot.moved": [
          { guard: "stopWanted", target: "releasing", actions: "adoptReplacement" },
          { target: "seeking", actions: "adoptReplacement" },
        ],
        buried: [
          { guard: "stopWanted", target: "releasing", actions: "endLogin" },
          {
            guard: "loginWanted",
            target: "unauthorised.authorising",
            actions: ["forgetSlot", "clearReason"],
          },
          { target: "quarantined" },
        ],
        "bound.passed": [
          { guard: "stopWanted", target: "releasing", actions: ["rememberBound", "endLogin"] },
          { target: "burying", reenter: true },
        ],
        login: { actions: "wantLogin" },
        // The next start meets the dead key again.
        stop: { target: "releasing", actions: ["wantStop", "endLogin"] },
      },
    },
    quarantined: {
      on: {
        login: { target: "unauthorised.authorising", actions: ["forgetSlot", "beginLogin"] },
        logout: { target: "unauthorised.waiting", actions: "forgetSlot" },
        stop: { target: "releasing", actions: "wantStop" },
      },
    },
    leaving: {
      entry: [
        { type: "retireServing", params: ({ context }) => ({ slot: context.slot! }) },
        { type: "startBound", params: { bound: "leaving" } },
      ],
      on: {
        "slot.retired": { target: "unauthorised.waiting", actions: ["forgetSlot", "clearReason"] },
        "bound.passed": { target: "leaving", reenter: true },
        stop: { target: "releasing", actions: "wantStop" },
      },
    },
    releasing: {
      entry: [
        {
          type: "release",
          params: ({ context }) => ({ slot: context.slot, epoch: context.epoch }),
        },
        { type: "startBound", params: { bound: "releasing" } },
      ],
      on: {
        released: { target: "stopped", actions: "dropEpoch" },
        "bound.passed": { target: "stopped", actions: ["rememberBound", "dropEpoch"] },
      },
    },
    stopped: { type: "final" },
  },
});

/** The name that code, events, metrics and docs use for a state: `active` for `active.serving`. */
export function lifecycleStateName(value: unknown): string {
  if (typeof value === "string") return value;
  const [[parent, child]] = Object.entries(value as Record<string, string>) as [[string, string]];
  return parent === "active" && child === "serving" ? "active" : `${parent}.${child}`;
}

/** Every state's name as events and metrics show it. */
export function lifecycleStateNames(): readonly string[] {
  return Object.values(lifecycleMachine.states).flatMap((node: AnyStateNode) => {
    const children = Object.keys(node.states);
    return children.length === 0
      ? [node.key]
      : children.map((child) => lifecycleStateName({ [node.key]: child }));
  });
}
