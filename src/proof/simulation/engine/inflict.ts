import { partitionCount } from "../../../ports/conversation/partitions.ts";
import type { EngineFault } from "./engine-faults.ts";
import { type EngineHost, stateOf } from "./engine-host.ts";
import type { Leg } from "./troubles.ts";
import type { EngineWorld } from "./engine-world.ts";
import { at, isPersonal, type People, type Person, say } from "./people.ts";
import type { PostgresTrouble } from "./sim-postgres.ts";
import type { ChatMood } from "./sim-messenger.ts";

/** All that a fault may concern. */
interface Stage {
  readonly world: EngineWorld;
  readonly hosts: readonly EngineHost[];
  readonly people: People;
}

type Ends = (() => void) | void;

/** Plans one fault: its beginning, its end, and what the judge may not expect meanwhile. */
export function inflict(stage: Stage, fault: EngineFault): void {
  const { world, people } = stage;
  const { kernel } = world;
  const tell = (what: string) => world.trace(`${what} ${fault.kind} (${fault.how.toFixed(3)})`);
  kernel.at(fault.atMs, () => {
    tell("begins");
    world.judge.faultBegins();
    const undo = isPersonal(fault)
      ? trouble(world, people, at(people.persons, fault.whom), fault)
      : begin(stage, fault);
    kernel.at(fault.lastsMs, () => {
      tell("ends");
      undo?.();
    });
  });
}

/** Until every retry of something that was refused has come round. */
const databaseGraceMs = 60_000;
/** A host that leaves waits for its handlers, as long as one may take and once more. */
const leaveGraceMs = 180_000;
const streamGraceMs = 45_000;
const accountGraceMs = 30_000;
const renewalMsMax = 60_000;

function begin(stage: Stage, fault: EngineFault): Ends {
  const { world, hosts, people } = stage;
  const { kernel, streams, judge } = world;
  const { how, lastsMs } = fault;
  const host = at(hosts, fault.whom);
  const { name: account, kind } = at(people.accounts, fault.whom);
  const ails = (graceMs: number, of: { account?: string; legs?: readonly Leg[] } = {}) =>
    judge.troubled({
      ...of,
      fromMs: kernel.nowMs - 200,
      untilMs: kernel.nowMs + lastsMs + graceMs,
    });

  switch (fault.kind) {
    case "db-read-only":
    case "db-away":
    case "db-broken":
    case "db-silent":
    case "db-locked":
    case "db-slow":
      ails(databaseGraceMs);
      return database(world, {
        kind: fault.kind.slice(3) as PostgresTrouble["kind"],
        share: fault.kind === "db-away" || fault.kind === "db-read-only" ? 1 : 0.2 + how * 0.6,
      });
    case "streams-away":
    case "streams-lost":
    case "streams-rolled-back": {
      ails(streamGraceMs);
      const copy = streams.copy();
      streams.goAway();
      return () => {
        if (fault.kind === "streams-lost") streams.loseAll();
        if (fault.kind === "streams-rolled-back") streams.rollBack(copy);
        streams.comesBack();
      };
    }
    case "streams-full":
      ails(streamGraceMs, { legs: ["take"] });
      streams.messagesMax = 0;
      return () => (streams.messagesMax = Number.POSITIVE_INFINITY);
    case "acks-lost":
      streams.acksLost = how;
      return () => (streams.acksLost = 0);
    case "stray-message":
      if (streams.messagesMax === 0) return;
      return void streams.store(
        Math.floor(how * partitionCount),
        how < 0.5 ? "no json" : `[{"text":1}]`,
        null,
      );
    case "kill":
      return host.kill();
    case "kill-at-statement":
      return host.killAfter(
        1 + Math.floor(how * 60),
        (how * 1000) % 1 < 0.5 ? "lost-before" : "lost-after",
      );
    case "leave":
      ails(leaveGraceMs);
      return void host.leave();
    case "flood-send":
      ails(accountGraceMs, { account, legs: ["reply"] });
      return world.messenger.order(account, "messages.sendMessage", null, lastsMs);
    case "flood-difference":
      ails(accountGraceMs, { account, legs: ["take"] });
      judge.troubled({ account, fromMs: kernel.nowMs, untilMs: kernel.nowMs + comesUpMs });
      world.messenger.order(account, "updates.getDifference", null, lastsMs);
      if (lastsMs > comesUpMs + servedMs) mustServe(stage, account);
      return how < 0.3 ? breakWires(world, account) : endWires(world, account);
    case "wire-breaks":
      ails(accountGraceMs, { account });
      return breakWires(world, account);
    case "pushes-lost":
      ails(accountGraceMs, { account, legs: ["take"] });
      people.deaf.add(account);
      return () => people.deaf.delete(account);
    case "gap-too-long":
      if (kind === "bot") return;
      ails(accountGraceMs, { account, legs: ["take"] });
      people.deaf.add(account);
      return () => {
        people.deaf.delete(account);
        const found = world.messenger.accounts.get(account)!;
        found.forgottenPts = found.pts;
        breakWires(world, account);
      };
    case "renew":
    case "renew-old-key-dies":
    case "renew-new-key-dies":
      judge.troubled({ account, fromMs: kernel.nowMs, untilMs: kernel.nowMs + renewalMsMax });
      return renew(stage, account, fault);
    default:
      return;
  }
}

function database({ postgres }: EngineWorld, ailing: PostgresTrouble): Ends {
  postgres.trouble = ailing;
  return () => {
    if (postgres.trouble === ailing) postgres.trouble = null;
  };
}

const breakWires = ({ messenger }: EngineWorld, account: string): void =>
  messenger.breakWires((wire) => wire.account === account, false);

const endWires = ({ messenger }: EngineWorld, account: string): void => {
  for (const wire of messenger.wiresOf(account)) wire.onEnded();
};

/** An account that has lost its connection serves again within this. */
const comesUpMs = 10_000;
const servedMs = 5_000;

function mustServe({ world, hosts }: Stage, account: string): void {
  const sinceMs = world.kernel.nowMs;
  world.kernel.at(comesUpMs + servedMs, () =>
    world.judge.serves(account, stateOf(hosts, account), sinceMs + comesUpMs),
  );
}

const lookMs = 5;
const dieWithinMs = 400;

/** A renewal; its old or its new key may die on the way, while the other one is good. */
function renew({ world, hosts }: Stage, account: string, { kind, how, atMs }: EngineFault): void {
  const { kernel, accounts, messenger } = world;
  const id = `renewal-${account}-${atMs}`;
  const held = hosts.map((host) => host.find(account)).find((found) => found !== null);
  void held?.renew(id, "auto").catch(() => undefined);
  if (kind === "renew") return;
  const untilMs = kernel.nowMs + renewalMsMax;
  const dies = kind === "renew-old-key-dies" ? "prepared" : "switched";

  function look(): void {
    const renewal = accounts.renewals.get(id);
    if (renewal?.state !== dies) {
      if (kernel.nowMs < untilMs) kernel.at(lookMs, look);
      return;
    }
    const { fromSlot, toSlot } = renewal;
    kernel.at(how * dieWithinMs, () => {
      const keyOf = (slot: number | null) =>
        messenger.keys.get(accounts.accounts.get(account)?.slots.get(slot ?? 0)?.keyId ?? "");
      const [old, fresh] = [keyOf(fromSlot), keyOf(toSlot)];
      const [dying, left] = kind === "renew-old-key-dies" ? [old, fresh] : [fresh, old];
      // A key alone at Telegram is the last one, and nothing could be right after its death.
      if (dying?.state !== "authorised" || left?.state !== "authorised") return;
      world.trace(`key ${dying.id} of ${account} dies`);
      messenger.kill(dying);
    });
  }
  look();
}

const burstMin = 8;
const burstMax = 32;
const burstEveryMs = 25;
const chatGraceS = 20;
const givenUpMs = 22_000;

/** What goes wrong for one person. */
function trouble(
  world: EngineWorld,
  people: People,
  person: Person,
  { kind, how, lastsMs }: EngineFault,
): Ends {
  const { kernel, messenger } = world;
  const { user } = person;
  const speak = (of: Parameters<typeof say>[3]) => say(world, people, person, of);
  const mood = (of: ChatMood): Ends => {
    messenger.moods.set(user, of);
    for (let n = 0; n < 1 + how * 4; n += 1) kernel.at(n * 300, () => speak({ act: "two" }));
    return () => void messenger.moods.delete(user);
  };

  switch (kind) {
    case "chat-failing":
      return mood("failing");
    case "chat-slow":
      return mood("slow");
    case "chat-unknown":
      return mood("unknown");
    case "chat-blocked":
      people.blocked.add(user);
      return mood("blocked");
    case "chat-waits":
      messenger.order(person.account, "messages.sendMessage", `user ${user}`, chatGraceS * 1000);
      return speak({ act: "two" });
    case "burst":
      for (let n = 0; n < burstMin + how * burstMax; n += 1) {
        kernel.at(n * burstEveryMs, () =>
          speak({ act: "slow", number: 200 + Math.floor(how * 800) }),
        );
      }
      return;
    case "slow-turns":
      return speak({ act: "slow", number: 1_000 + Math.floor(how * 20_000) });
    case "poison":
      return speak({ act: "throw", mayPark: ["UNEXPECTED"] });
    case "retries":
      return speak({ act: "retry", number: kernel.nowMs + lastsMs });
    case "late":
      return speak({ act: "late", number: 61_000 + Math.floor(how * 30_000) });
    case "never":
      return speak({ act: "never", mayPark: ["BOT_HANGS", "UNEXPECTED"] });
    case "steps":
      for (let n = 0; n < 3; n += 1) kernel.at(n * 100, () => speak({ act: "step" }));
      return;
    case "escalates":
      speak({ act: "escalate" });
      return kernel.at(500, () => speak({ act: "echo" }));
    case "ends":
      speak({ act: "end" });
      return kernel.at(400, () => speak({ act: "echo" }));
    case "unwritable":
      people.stuck.add(user);
      world.judge.excuse((said) => said.user === user);
      // Those whose turns are in one statement with it wait until the database has given it up, once.
      world.judge.troubled({
        fromMs: kernel.nowMs,
        untilMs: kernel.nowMs + givenUpMs,
        legs: ["take"],
      });
      speak({ act: "unwritable", mayPark: ["TURN_UNWRITABLE"] });
      for (const other of people.persons) {
        if (other.user !== user) say(world, people, other, { act: "echo" });
      }
      return;
    case "parking-fails": {
      world.judge.troubled({
        fromMs: kernel.nowMs,
        untilMs: kernel.nowMs + lastsMs + databaseGraceMs,
      });
      const undo = database(world, { kind: "no-parking", share: 1 });
      speak({ act: "throw", mayPark: ["UNEXPECTED"] });
      return undo;
    }
    default:
      return;
  }
}
