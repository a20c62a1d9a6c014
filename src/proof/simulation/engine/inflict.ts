import { partitionCount } from "../../../ports/conversation/partitions.ts";
import type { EngineFault } from "./engine-faults.ts";
import { stateOf } from "./engine-host.ts";
import {
  breakWires,
  database,
  databaseGraceMs,
  type Ends,
  endWires,
  type Stage,
} from "./inflict-parts.ts";
import { trouble } from "./inflict-person.ts";
import { floodLogin, renew, renewalMsMax } from "./inflict-renewal.ts";
import { loseStreams } from "./inflict-streams.ts";
import { at, isPersonal } from "./people.ts";
import type { PostgresTrouble } from "./sim-postgres.ts";
import type { Leg } from "./troubles.ts";

/** Plans one fault: its beginning, its end, and what the judge may not expect meanwhile. */
export function inflict(stage: Stage, fault: EngineFault): void {
  const { world, people } = stage;
  const { kernel } = world;
  const tell = (what: string) => world.trace(`${what} ${fault.kind} (${fault.how.toFixed(3)})`);
  kernel.at(fault.atMs, () => {
    tell("begins");
    world.judge.faultBegins();
    const ends = world.coverage.fault(fault.kind);
    const undo = isPersonal(fault)
      ? trouble(stage, at(people.persons, fault.whom), fault)
      : begin(stage, fault);
    kernel.at(fault.lastsMs, () => {
      tell("ends");
      ends();
      undo?.();
    });
  });
}

/** A host that leaves waits for its handlers, as long as one may take and once more. */
const leaveGraceMs = 180_000;
const streamGraceMs = 45_000;
const accountGraceMs = 30_000;

function begin(stage: Stage, fault: EngineFault): Ends {
  const { world, hosts, people, operator } = stage;
  const { kernel, streams, judge } = world;
  const { how, lastsMs } = fault;
  const host = at(hosts, fault.whom);
  const { name: account } = at(people.accounts, fault.whom);
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
    case "streams-rolled-back":
      ails(streamGraceMs);
      return loseStreams(stage, fault);
    case "streams-full":
      ails(streamGraceMs, { legs: ["take"] });
      streams.messagesMax = 0;
      return () => (streams.messagesMax = Number.POSITIVE_INFINITY);
    case "acks-lost":
      streams.acksLost = how;
      return () => (streams.acksLost = 0);
    case "answers-lost":
      // The publisher asks again, a bounded number of times, and then the cursor's reader does.
      ails(streamGraceMs, { legs: ["take"] });
      streams.answersLost = how;
      return () => (streams.answersLost = 0);
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
      // It loses its connection again while the wait goes on.
      kernel.at(lastsMs > comesUpMs + servedMs ? comesUpMs + servedMs : lastsMs * 0.5, () => {
        judge.troubled({ account, fromMs: kernel.nowMs, untilMs: kernel.nowMs + comesUpMs });
        (how < 0.5 ? endWires : breakWires)(world, account);
      });
      return how < 0.3 ? breakWires(world, account) : endWires(world, account);
    case "wire-breaks":
      ails(accountGraceMs, { account });
      return breakWires(world, account);
    case "pushes-lost":
      ails(accountGraceMs, { account, legs: ["take"] });
      people.deaf.add(account);
      return () => people.deaf.delete(account);
    case "gap-too-long":
      ails(accountGraceMs, { account, legs: ["take"] });
      people.deaf.add(account);
      return () => passGap(stage, account);
    case "flood-history":
      // Histories, and for a bot messages by their ids: a gap is read back by them.
      for (const method of readBackMethods) world.messenger.order(account, method, null, lastsMs);
      ails(accountGraceMs, { account });
      people.deaf.add(account);
      kernel.at(lastsMs * 0.2, () => passGap(stage, account));
      kernel.at(lastsMs * 0.6, () => endWires(world, account));
      return;
    case "flood-login":
      return floodLogin(stage, account, fault);
    case "retention":
      for (let n = 0; n < 3; n += 1)
        kernel.at((n * lastsMs) / 2, () => operator.retain(how * keptMsMax));
      return;
    case "renew":
    case "renew-old-key-dies":
    case "renew-new-key-dies":
    case "renew-database-fails":
    case "renew-host-dies":
    case "renew-turns-back":
      judge.troubled({ account, fromMs: kernel.nowMs, untilMs: kernel.nowMs + renewalMsMax });
      return renew(stage, account, fault);
    default:
      return;
  }
}

const readBackMethods = ["messages.getHistory", "messages.getDialogs", "messages.getMessages"];
/** Rows of this run are new; those that are older go. */
const keptMsMax = 5_000;

/** What Telegram has not told the account by now it does not give one by one any more. */
function passGap({ world, people }: Stage, account: string): void {
  people.deaf.delete(account);
  const found = world.messenger.accounts.get(account)!;
  found.forgottenPts = found.pts;
  breakWires(world, account);
}

/** An account that has lost its connection serves again within this. */
const comesUpMs = 10_000;
const servedMs = 5_000;

function mustServe({ world, hosts }: Stage, account: string): void {
  const sinceMs = world.kernel.nowMs;
  world.kernel.at(comesUpMs + servedMs, () =>
    world.judge.serves(account, stateOf(hosts, account), sinceMs + comesUpMs),
  );
}
