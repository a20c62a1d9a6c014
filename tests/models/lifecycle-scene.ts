import type { NatsConnection } from "@nats-io/transport-node";
import type { AccountKind, Bound } from "../../machines/lifecycle.ts";
import { publishEvent } from "../../src/adapters/nats/event-publisher.ts";
import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { createConversationStore } from "../../src/adapters/postgres/conversation-store.ts";
import { createOutboxStore } from "../../src/adapters/postgres/outbox-store.ts";
import { type Account, createAccount } from "../../src/engine/account.ts";
import type { AccountWorld } from "../../src/engine/account-world.ts";
import { createTelegramSender } from "../../src/engine/telegram-sender.ts";
import type { PhoneUser } from "../../src/telegram-dc/world/phone/phone-port.ts";
import type { AccountBench } from "../support/account-bench.ts";
import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import { createHeldCalls, type HeldCalls } from "./held-calls.ts";
import { createTimerBook, type TimerBook } from "./timer-book.ts";
import { createTransitionFeed, type TransitionFeed } from "./transition-feed.ts";

export type ChangeWorld = (world: AccountWorld) => AccountWorld;

/** The common parts of the paths of one file. */
export interface Stage {
  readonly bench: AccountBench;
  readonly nats: NatsConnection;
  /** An incarnation of another host, which takes and gives back tokens. */
  readonly stranger: string;
  /** A user who writes to the accounts. */
  readonly caller: PhoneUser;
}

/** One account on its way along a path, with everything that its causes and judges may touch. */
export interface Scene extends Stage {
  readonly world: AccountWorld;
  readonly account: Account;
  /** The account as Telegram knows it. */
  readonly self: PhoneUser;
  readonly selfName: string;
  readonly held: HeldCalls;
  readonly timers: TimerBook;
  readonly transitions: TransitionFeed;
  /** How long a step may take before the path counts as failed. */
  readonly stepMsMax: number;
  /** Undoes the arrangements of causes, after their step. */
  readonly undo: (() => Promise<void>)[];
}

export const boundsMs: Readonly<Record<Bound, number>> = {
  authorising: 600_000,
  seeking: 5000,
  connecting: 6000,
  preparing: 600_000,
  draining: 25_000,
  verifying: 30_000,
  renewing: 30_000,
  restarting: 20_000,
  aborting: 12_000,
  leaving: 9000,
  releasing: 10_000,
};

/**
 * The port calls that wait in each state, so that the test decides the outcome of the state's work.
 */
const heldIn: Readonly<Record<string, readonly string[]>> = {
  "unauthorised.authorising": ["accounts.firstSlot"],
  seeking: ["accounts.loadSession"],
  connecting: ["gate.dial"],
  "active.preparing": ["accounts.credentials"],
  draining: ["tokens.drain"],
  "verified-idle": ["gate.sockets", "tokens.read"],
  renewing: ["accounts.switchSlot"],
  restarting: ["accounts.loadSession"],
  aborting: ["accounts.abortRenewal"],
  fenced: ["accounts.openRenewal"],
  quarantined: [],
  leaving: ["accounts.retireServing"],
  releasing: ["tokens.heldBy"],
};

export async function openScene(
  stage: Stage,
  start: { readonly kind: AccountKind; readonly slot: number | null },
  { change, stepMsMax }: { readonly change: ChangeWorld; readonly stepMsMax: number },
): Promise<Scene> {
  const { bench, nats } = stage;
  let plain: AccountWorld | null = null;
  const { name } = await bench.makeAccount(start.kind, (world) => {
    plain = world;
    return world;
  });
  if (plain === null) throw new Error("the bench made no world");
  const transitions = await createTransitionFeed(nats, name);
  const known = withOutbox(publishing(plain, nats), bench);
  if (start.slot !== null) await authoriseBefore(known, bench, transitions);

  const runtime: { account: Account | null } = { account: null };
  const held = createHeldCalls(heldIn, () => runtime.account?.runtime.state ?? "");
  const timers = createTimerBook(known.clock);
  const world = change(slowed({ ...known, clock: timers.clock }, held));
  const record = await bench.accounts.find(name);
  if (record === null) throw new Error(`the database has no account ${name}`);
  const account = createAccount(world, record, boundsMs);
  runtime.account = account;
  const selfName = name.replaceAll("-", "_");
  const self = bench.dc.phone.user(selfName);
  return {
    ...stage,
    world,
    account,
    self,
    selfName,
    held,
    timers,
    transitions,
    stepMsMax,
    undo: [],
  };
}

/** An account that an earlier process has logged in and stopped. */
async function authoriseBefore(
  world: AccountWorld,
  bench: AccountBench,
  transitions: TransitionFeed,
): Promise<void> {
  const record = await bench.accounts.find(world.account);
  if (record === null) throw new Error(`the database has no account ${world.account}`);
  const earlier = createAccount(world, record, boundsMs);
  await earlier.start();
  await earlier.login("earlier", "bot-token");
  await earlier.runtime.until((state) => state === "active");
  await earlier.stop();
  await transitions.skipTo("stopped");
}

/** Another host logs the account in and hands it over. */
export async function logInElsewhere({ bench, account, world, selfName }: Scene): Promise<void> {
  const other = await bench.openElsewhere(account.name);
  await other.start();
  await other.login("elsewhere", world.kind === "bot" ? "bot-token" : "code");
  if (world.kind === "user") {
    const sent = await bench.dc.phone.waitForCode(selfName, 5000);
    await answerWithCode(other, sent?.code ?? "", 5000);
  }
  await other.runtime.until((state) => state === "active");
  await other.stop();
}

/** A person types the code as soon as it is asked for. */
export async function answerWithCode(
  account: Account,
  code: string,
  waitMsMax: number,
): Promise<void> {
  await eventually(waitMsMax, () => expect(account.question?.kind).toBe("code"));
  if (!account.answer(account.question?.of ?? "", "code", code)) throw new Error("no code wanted");
}

/** Another host has renewed the account: its session is that of the next slot now. */
export async function renewElsewhere({ bench, account }: Scene): Promise<void> {
  const slot = account.runtime.snapshot.context.slot ?? 0;
  const session = await bench.accounts.loadSession({ account: account.name, slot });
  await bench.database.query(
    `update authorisations set state = 'RETIRED', key_id = null, session = null
     where account = $1 and slot = $2`,
    [account.name, slot],
  );
  const next = await bench.accounts.addSlot(account.name);
  if (session !== null) await bench.accounts.saveSession(next, session);
  await bench.database.query(
    `with serving as (update authorisations set state = 'SERVING' where account = $1 and slot = $2)
     update accounts set serving_slot = $2 where name = $1`,
    [account.name, next.slot],
  );
}

function publishing(world: AccountWorld, nats: NatsConnection): AccountWorld {
  return {
    ...world,
    events: {
      report(event) {
        world.events.report(event);
        publishEvent(nats, event);
      },
    },
  };
}

function withOutbox(world: AccountWorld, { database }: AccountBench): AccountWorld {
  const store = createOutboxStore(database);
  const { kind, clock, events } = world;
  return {
    ...world,
    makeOutbox: (client, grant, faults) =>
      createTelegramSender({
        store,
        client,
        grant,
        kind,
        clock,
        events,
        onReply: () => {},
        ...faults,
      }),
  };
}

function slowed(world: AccountWorld, held: HeldCalls): AccountWorld {
  const { accounts, tokens, claims, gate } = world;
  const drain = held.around("tokens.drain", tokens.apply);
  return {
    ...world,
    accounts: {
      ...accounts,
      firstSlot: held.around("accounts.firstSlot", accounts.firstSlot),
      loadSession: held.around("accounts.loadSession", accounts.loadSession),
      credentials: held.around("accounts.credentials", accounts.credentials),
      switchSlot: held.around("accounts.switchSlot", accounts.switchSlot),
      abortRenewal: held.around("accounts.abortRenewal", accounts.abortRenewal),
      openRenewal: held.around("accounts.openRenewal", accounts.openRenewal),
      retireServing: held.around("accounts.retireServing", accounts.retireServing),
      markDead: held.around("accounts.markDead", accounts.markDead),
    },
    tokens: {
      ...tokens,
      read: held.around("tokens.read", tokens.read),
      heldBy: held.around("tokens.heldBy", tokens.heldBy),
      apply: (ref, event) =>
        event.type === "drain" ? drain(ref, event) : tokens.apply(ref, event),
    },
    claims: { ...claims, claim: held.around("claims.claim", claims.claim) },
    gate: {
      incarnation: gate.incarnation,
      host: gate.host,
      admit: (granted) => gate.admit(granted),
      dial: held.around("gate.dial", (granted, to) => gate.dial(granted, to)),
      cut: (granted) => gate.cut(granted),
      sockets: held.around("gate.sockets", (slot) => gate.sockets(slot)),
    },
  };
}

/** A reply on its way to the caller, as a turn would commit it. */
export async function commitReply({ bench, account, caller }: Scene): Promise<void> {
  const rules = conversationRules(conversationMachine);
  const store = createConversationStore(bench.database, { rules });
  const key = { channel: "telegram", account: account.name, chatUser: String(caller.id) };
  const claim = await store.claimPartition(0, "paths");
  const session = await store.load(key, 3_600_000);
  const inbound = bench.appended.findLast((item) => item.account === account.name);
  if (inbound === undefined) throw new Error("nobody has written to the account yet");
  await store.commit(
    {
      ...key,
      session,
      inboundId: `${inbound.inboundId}:${session.lastSeq}`,
      peer: inbound.peer,
      text: inbound.text,
      snapshot: null,
      context: null,
      toolOutputs: [],
      replies: [
        {
          body: "Bonjour",
          menu: null,
          seq: session.lastSeq + 2,
          randomId: String(session.lastSeq + 1),
        },
      ],
      status: "active",
    },
    claim,
  );
}
