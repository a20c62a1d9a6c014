import { timingsOf } from "../../../config/timings.ts";
import type { EngineFault, RenewalFault } from "./engine-faults.ts";
import { stateOf } from "./engine-host.ts";
import { databaseFor, oneOf, type Stage } from "./inflict-parts.ts";
import type { RenewalRow } from "./account-tables.ts";
import { type Key, pingMs } from "./sim-messenger.ts";

export const renewalMsMax = 60_000;
const lookMs = 5;
const dieWithinMs = 400;
const restartMs = timingsOf.production.restartVerifyMs;
const slowAheadMs = 3_000;
const deathGraceMs = 30_000;

/** A renewal, and what goes wrong on its way. */
export function renew(stage: Stage, account: string, fault: EngineFault): void {
  const { world, hosts } = stage;
  const id = `renewal-${account}-${fault.atMs}`;
  const held = hosts.map((host) => host.find(account)).find((found) => found !== null);
  void held?.renew(id, "auto").catch(() => undefined);
  const on = (state: RenewalRow["state"], then: (renewal: RenewalRow) => void) =>
    when(
      stage,
      () => {
        const renewal = world.accounts.renewals.get(id);
        return renewal?.state === state ? renewal : null;
      },
      then,
    );
  const step = (["preparing", "prepared", "switched"] as const)[Math.floor(fault.how * 3)]!;

  switch (fault.kind as RenewalFault) {
    case "renew":
      return;
    case "renew-old-key-dies":
      return on("prepared", (renewal) => dieLater(stage, renewal, "old", fault.how * dieWithinMs));
    case "renew-new-key-dies":
      return on("switched", (renewal) => dieLater(stage, renewal, "new", fault.how * dieWithinMs));
    case "renew-database-fails":
      return on(step, () =>
        databaseFor(
          world,
          {
            ...oneOf((fault.how * 3) % 1, ["locked", "broken", "silent", "read-only", "away"]),
            // Where only some statements meet it, it meets any of them.
            share: (fault.how * 7) % 1 < 0.4 ? 1 : 0.5,
          },
          Math.min(fault.lastsMs, 12_000),
        ),
      );
    case "renew-host-dies":
      return on(step, () => {
        const how = (fault.how * 1000) % 1;
        for (const host of hosts) {
          if (host.find(account) === null) continue;
          host.killAfter(
            1 + Math.floor(how * 6),
            (how * 10) % 1 < 0.5 ? "lost-before" : "lost-after",
          );
        }
      });
    case "renew-turns-back":
      return on("switched", (renewal) => turnBack(stage, renewal, fault));
  }
}

/**
 * The new key gets no answer, until the renewal turns back. While that is written down, slowly, the new key dies; the
 * old one is good.
 */
function turnBack(stage: Stage, renewal: RenewalRow, { how }: EngineFault): void {
  const { world, hosts } = stage;
  const { kernel, messenger, accounts } = world;
  const { account, toSlot } = renewal;
  const keyId = accounts.accounts.get(account)?.slots.get(toSlot ?? 0)?.keyId ?? "";
  messenger.silent.add(keyId);
  kernel.at(restartMs - slowAheadMs, () =>
    databaseFor(world, { kind: "slow", share: 1 }, 2 * slowAheadMs),
  );
  when(
    stage,
    () => (stateOf(hosts, account) === "aborting" ? true : null),
    () => {
      messenger.silent.delete(keyId);
      dieLater(stage, renewal, "new", how * dieWithinMs);
    },
  );
  kernel.at(2 * restartMs, () => void messenger.silent.delete(keyId));
}

/** Looks again and again, as long as a renewal may take. */
function when<Found>(
  { world: { kernel } }: Stage,
  find: () => Found | null,
  then: (found: Found) => void,
): void {
  const untilMs = kernel.nowMs + renewalMsMax;
  function look(): void {
    const found = find();
    if (found !== null) then(found);
    else if (kernel.nowMs < untilMs) kernel.at(lookMs, look);
  }
  look();
}

function dieLater(
  { world: { kernel, accounts, messenger, judge, trace } }: Stage,
  { id, account, fromSlot, toSlot }: RenewalRow,
  which: "old" | "new",
  afterMs: number,
): void {
  const keyOf = (slot: number | null): Key | undefined =>
    messenger.keys.get(accounts.accounts.get(account)?.slots.get(slot ?? 0)?.keyId ?? "");
  kernel.at(afterMs, () => {
    const [old, fresh] = [keyOf(fromSlot), keyOf(toSlot)];
    const [dying, left] = which === "old" ? [old, fresh] : [fresh, old];
    // A key alone at Telegram is the last one, and nothing could be right after its death.
    if (dying?.state !== "authorised" || left?.state !== "authorised") return;
    // So is the old one of a renewal that has turned back: the new one is being logged out.
    if (which === "old" && accounts.renewals.get(id)?.state === "aborted") return;
    trace(`key ${dying.id} of ${account} dies`);
    const untilMs = kernel.nowMs + pingMs + deathGraceMs;
    judge.troubled({ account, fromMs: kernel.nowMs, untilMs });
    // Nobody could know of a new key's silent death before the old one is logged out, as the renewal says.
    if (which === "new" && accounts.renewals.get(id)?.state !== "aborted")
      messenger.kill(dying, true);
    else messenger.kill(dying);
  });
}

/** A login that Telegram wants patience for, and a person who asks for it again meanwhile. */
export function floodLogin(stage: Stage, account: string, { lastsMs, atMs }: EngineFault): void {
  const { world, hosts, people } = stage;
  const { kernel, messenger, judge } = world;
  const isBot = people.accounts.find(({ name }) => name === account)?.kind === "bot";
  messenger.order(
    account,
    isBot ? "auth.importBotAuthorization" : "auth.exportLoginToken",
    null,
    lastsMs,
  );
  const untilMs = kernel.nowMs + lastsMs + renewalMsMax;
  judge.troubled({ account, fromMs: kernel.nowMs, untilMs });
  const ask = (n: number) =>
    hosts
      .map((host) => host.find(account))
      .find((found) => found !== null)
      ?.renew(`renewal-${account}-${atMs}-${n}`, "auto")
      .catch(() => undefined);
  for (let n = 0; n < 4; n += 1) kernel.at((n * lastsMs) / 3, () => void ask(n));
}
