import { randomInt } from "node:crypto";
import type { RenewalMethod } from "../../../machines/lifecycle.ts";
import { methods } from "../../accounts/login/methods.ts";
import type { RenewalStep } from "../../ports/accounts/renewal-store.ts";
import type { AccountEvent } from "../../ports/accounts/event-sink.ts";
import { isGone } from "./stage.ts";
import type { ChaosHost } from "./chaos-host.ts";
import { type ChaosFleet, eventually, startFleet } from "./fleet.ts";
import { startLoad, type Verdict } from "./load.ts";

/** The place of a renewal when its process was killed: the last step with a row, or none yet. */
const places = [
  "asked",
  "requested",
  "key-stored",
  "authorised",
  "drained",
  "verified-idle",
  "switched",
  "verified",
  "retired",
] as const satisfies readonly (RenewalStep | "asked")[];
type Place = (typeof places)[number];

export interface CampaignOptions {
  readonly method: RenewalMethod;
  /** The least number of renewals to begin. */
  readonly renewals: number;
  /** The least number of kills at each place; the campaign goes on until then, up to a bound. */
  readonly killsEach: number;
  log(line: string): void;
}

export interface CampaignResult extends Verdict {
  readonly method: RenewalMethod;
  readonly renewals: number;
  readonly done: number;
  readonly aborted: number;
  readonly kills: { readonly node: number; readonly gate: number };
  /** Renewals at that place when their process was killed. */
  readonly killedAt: Readonly<Record<Place, number>>;
  /** Authorisations at Telegram that serve no account. */
  readonly leftBehind: readonly string[];
  /** Accounts that failed a real call afterwards. */
  readonly broken: readonly string[];
  readonly wrong: readonly string[];
}

const accountsPerFleet = 8;
const hostsPerFleet = 2;
/** A gate takes longer to replace; one kill in this many is of the gate. */
const gateEvery = 6;
/** Extra rounds beyond those that the renewals need. */
const extraRoundsMax = 40;
const settleMsMax = 60_000;
const thinkMs = 250;
const slowRowMs = 20;

/**
 * Renews every account again and again under load, and meanwhile kills a node or a gate with
 * SIGKILL at random.
 */
export async function runRenewalCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { method, log } = options;
  const fleet = await startFleet({
    hosts: hostsPerFleet,
    accounts: accountsPerFleet,
    kind: methods[method].fits,
    direct: true,
    log,
  });
  await slowDown(fleet);
  const load = await startLoad(fleet, { thinkMs, callersPerBot: 1 });
  try {
    const killedAt = Object.fromEntries(places.map((place) => [place, 0])) as Record<Place, number>;
    const kills = { node: 0, gate: 0 };
    let begun = 0;
    const roundsMax = Math.ceil(options.renewals / accountsPerFleet) + extraRoundsMax;
    for (let round = 1; round <= roundsMax; round += 1) {
      // Aims at the place with the fewest hits; chance decides the delay after it.
      const fewest = places.toSorted((a, b) => killedAt[a] - killedAt[b])[0]!;
      if (begun >= options.renewals && killedAt[fewest] >= options.killsEach) break;
      const which = round % gateEvery === 0 ? "gate" : "node";
      const seen = await killOnce(fleet, { method, round, aim: fewest, which });
      kills[which] += 1;
      begun += seen.renewals;
      for (const place of seen.killedAt) killedAt[place] += 1;
      log(`round ${round}: ${which} killed, aimed after ${fewest}, hit ${seen.killedAt.join(" ")}`);
    }
    const verdict = await load.end();
    await untilRested(fleet);
    const { leftBehind, broken } = await judgeAccounts(fleet);
    const [ended] = await fleet.database.query<{ done: string; aborted: string; open: string }>(
      `select count(*) filter (where state = 'done') as done,
         count(*) filter (where state = 'aborted') as aborted,
         count(*) filter (where state not in ('done', 'aborted')) as open from renewals`,
    );
    const { done, aborted, open } = ended!;
    const thin = places.filter((place) => killedAt[place] < options.killsEach);
    return {
      method,
      renewals: begun,
      done: Number(done),
      aborted: Number(aborted),
      kills,
      killedAt,
      leftBehind,
      broken,
      ...verdict,
      wrong: [
        Number(open) > 0 && `${open} renewals are still open`,
        Number(done) + Number(aborted) === 0 && "no renewal came to an end",
        thin.length > 0 && `fewer than ${options.killsEach} kills at ${thin.join(", ")}`,
        leftBehind.length > 0 && `authorisations left behind: ${leftBehind.join("; ")}`,
        broken.length > 0 && `broken: ${broken.join(", ")}`,
        verdict.overlaps > 0 && `${verdict.overlaps} overlaps`,
        verdict.duplicated > 0 && `${verdict.duplicated} duplicate replies`,
        verdict.lost > 0 && `${verdict.lost} lost messages`,
      ].filter((what) => what !== false),
    };
  } finally {
    load.abandon();
    await fleet.close();
  }
}

interface Shot {
  readonly method: RenewalMethod;
  readonly round: number;
  readonly aim: Place;
  readonly which: "node" | "gate";
}

/** Begins a renewal of every account, kills once, and waits for the end of all of it. */
async function killOnce(
  fleet: ChaosFleet,
  { method, round, aim, which }: Shot,
): Promise<{ readonly renewals: number; readonly killedAt: readonly Place[] }> {
  const { accounts, hosts, sealTo } = fleet;
  await fleet.untilServed(settleMsMax);
  const held = await holders(fleet);
  // The busier host, so that one kill meets many renewals.
  const victim = hosts.toSorted((a, b) => held.of(b).length - held.of(a).length)[0]!;
  const aimed = untilPlace(fleet, held.of(victim), aim);
  const idOf = (account: string) => `${method}-${round}-${account}`;
  const askedAtMs = Date.now();
  for (const { account } of accounts) {
    void fleet
      .ask(`holdfast.account.${account}.renew`, { id: idOf(account), method, sealTo })
      .catch(() => undefined);
  }
  await aimed;
  const pid = victim.pids[which];
  const killedAtMs = performance.timeOrigin + performance.now();
  process.kill(pid, "SIGKILL");
  await eventually(`the ${which} of ${victim.name} ends`, async () => isGone(pid), 5_000);
  await untilRested(fleet);
  const hit: Place[] = [];
  for (const account of held.of(victim)) {
    const place = await placeAt(fleet, idOf(account), killedAtMs, askedAtMs);
    if (place !== null) hit.push(place);
  }
  return { renewals: accounts.length, killedAt: hit };
}

async function holders(fleet: ChaosFleet) {
  const tokens = await fleet.tokens();
  return {
    of: ({ name }: ChaosHost) =>
      tokens.filter(({ host }) => host === name).map(({ account }) => account),
  };
}

/** The event that announces each place, and the longest time to the next event, in milliseconds. */
const heraldOf: Readonly<
  Record<Place, { readonly spreadMs: number; is(event: AccountEvent): boolean }>
> = {
  asked: { spreadMs: 2, is: () => false },
  requested: { spreadMs: 60, is: isStep("requested") },
  "key-stored": { spreadMs: 15, is: isStep("key-stored") },
  authorised: { spreadMs: 14, is: isStep("authorised") },
  drained: { spreadMs: 14, is: isState("verified-idle") },
  "verified-idle": { spreadMs: 14, is: isState("renewing") },
  switched: { spreadMs: 25, is: isStep("switched") },
  verified: { spreadMs: 25, is: isStep("verified") },
  retired: { spreadMs: 250, is: isStep("verified") },
};

function isStep(step: RenewalStep) {
  return (event: AccountEvent): boolean => event.type === "step" && event.step === step;
}

function isState(state: string) {
  return (event: AccountEvent): boolean => event.type === "transition" && event.to === state;
}

/** A slow disk: the rows at which a renewal stands for a moment take longer to write. */
async function slowDown({ database }: ChaosFleet): Promise<void> {
  await database.query(
    `create function slow_step() returns trigger language plpgsql as $$
     begin perform pg_sleep(${slowRowMs / 1000}); return new; end $$`,
  );
  await database.query(
    `create trigger slow_step before insert on renewal_steps for each row
     when (new.step in ('drained', 'verified-idle', 'switched', 'verified', 'retired'))
     execute function slow_step()`,
  );
}

/** Resolves a random moment after one of these accounts has announced the place. */
function untilPlace(fleet: ChaosFleet, of: readonly string[], aim: Place): Promise<void> {
  const { spreadMs, is } = heraldOf[aim];
  const waitMs = () => (randomInt(1000) / 1000) * spreadMs;
  // Any of the accounts may be the one.
  let left = randomInt(Math.max(1, Math.ceil(of.length / 2)));
  return new Promise((resolve) => {
    const go = () => {
      events.unsubscribe();
      clearTimeout(timer);
      setTimeout(resolve, waitMs());
    };
    const events = fleet.nats.subscribe("holdfast.account.*.event", {
      callback(error, message) {
        if (error !== null) return;
        const event = message.json<AccountEvent>();
        if (!of.includes(event.account) || !is(event)) return;
        if (left === 0) go();
        left -= 1;
      },
    });
    const timer = setTimeout(go, aim === "asked" ? 1 : 12_000);
  });
}

/**
 * Waits until no renewal is open, no authorisation is to be logged out, and every account is
 * served.
 */
async function untilRested(fleet: ChaosFleet): Promise<void> {
  await fleet.untilServed(settleMsMax);
  await eventually(
    "every renewal has ended and every old key is logged out",
    async () => {
      const left = await fleet.database.query<{ what: string }>(
        `select 'renewal ' || id || ' is ' || state as what from renewals
           where state not in ('done', 'aborted')
         union all select account || ' slot ' || slot || ' is ' || a.state || ', its token ' || t.state
           || ', the account ' || (select state from accounts where name = account)
           from authorisations a join tokens t using (account, slot) where a.state in ('PENDING', 'RETIRING')`,
      );
      if (left.length > 0) throw new Error(left.map(({ what }) => what).join("; "));
      return true;
    },
    settleMsMax,
  );
}

/** The place of the renewal at that moment; null before its request and long after its end. */
async function placeAt(
  { database }: ChaosFleet,
  renewal: string,
  killedAtMs: number,
  askedAtMs: number,
): Promise<Place | null> {
  const rows = await database.query<{ step: RenewalStep; at: string }>(
    `select step, extract(epoch from at) * 1000 as at from renewal_steps where renewal = $1 order by id`,
    [renewal],
  );
  const before = rows.filter(({ at }) => Number(at) <= killedAtMs);
  const last = before.at(-1);
  if (last === undefined) return killedAtMs >= askedAtMs ? "asked" : null;
  return last.step === "aborted" ? null : last.step;
}

/**
 * Judges by the data centre's own list of authorisations, and by a real call through the holder.
 */
async function judgeAccounts(
  fleet: ChaosFleet,
): Promise<{ readonly leftBehind: readonly string[]; readonly broken: readonly string[] }> {
  const leftBehind: string[] = [];
  const broken: string[] = [];
  for (const { account, username } of fleet.accounts) {
    const slots = await fleet.database.query<{ slot: number; state: string; key_id: string }>(
      "select slot, state, key_id from authorisations where account = $1",
      [account],
    );
    const serving = slots.find(({ state }) => state === "SERVING");
    const known = fleet.dc.phone.authorisations(username).map(({ authKeyId }) => authKeyId);
    for (const keyId of known) {
      if (keyId === serving?.key_id) continue;
      const slot = slots.find(({ key_id }) => key_id === keyId);
      const told = fleet.dc.ledger
        .rpcs()
        .filter(({ authKeyId, method }) => authKeyId === keyId && method.startsWith("auth."))
        .map(({ method, outcome, atMs, answeredAtMs }) => {
          const took = answeredAtMs === undefined ? "" : ` in ${answeredAtMs - atMs} ms`;
          return `${new Date(atMs).toISOString()} ${method} ${outcome}${took}`;
        });
      leftBehind.push(
        `${account} slot ${slot?.slot ?? "unknown"} ${slot?.state ?? ""}: ${told.join(", ")}`,
      );
    }
    const answer = await fleet
      .ask(`holdfast.account.${account}.test`)
      .catch((error: unknown) => ({ ok: false, message: String(error) }));
    if (answer.ok !== true || !known.includes(serving?.key_id ?? "")) broken.push(account);
  }
  return { leftBehind, broken };
}
