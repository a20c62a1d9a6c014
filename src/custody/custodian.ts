import type { Clock } from "../concurrency/clock.ts";
import { createWorker } from "../concurrency/worker.ts";
import type { IncarnationStore } from "../ports/custody/incarnation-store.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import type { FleetMembers } from "./fleet-members.ts";
import { handAllOver } from "./hand-all-over.ts";
import { inBatches } from "../concurrency/in-batches.ts";
import { hostKey } from "./registers.ts";
import { createRunningAccounts, type RunningAccounts } from "./running-accounts.ts";
import { placeOf } from "./placement.ts";
import type { TakeHow, Takeover, Target } from "./takeover.ts";

const soonMs = 10;
const tidyEverySweeps = 6;

export interface CustodianOptions {
  readonly members: FleetMembers;
  readonly store: Pick<IncarnationStore, "holders">;
  readonly bus: Pick<FleetBus, "onNews">;
  readonly takeover: Takeover;
  readonly clock: Clock;
  readonly host: string;
  readonly incarnation: string;
  /** Names of all accounts of the fleet; the same array until that changes. */
  names(): Promise<readonly string[]>;
  /** Takes the account up here: it seeks its token. */
  begin(name: string): Promise<void>;
  /** Hands the account over: drained, cut, its token free. */
  end(name: string): Promise<void>;
  /** False while a login or a renewal is under way: a move would end it. */
  mayMove(name: string): boolean;
  /** Gives back tokens of accounts that do not run here. */
  giveBackStrays(running: RunningAccounts): Promise<void>;
  readonly limits: {
    /** An account that moved here stays at least this long, in milliseconds. */
    readonly tenureMs: number;
    /** Accounts that are handed over at the same time. */
    readonly handoversMax: number;
    /** Accounts that begin at the same time. */
    readonly beginsMax: number;
    /** The interval of looks for changes without an event, in milliseconds. */
    readonly sweepMs: number;
    /** How long a holder must have been silent before it is revoked, in milliseconds. */
    readonly suspectMs: number;
  };
  onTakeover(outcome: {
    readonly host: string;
    readonly incarnation: string;
    readonly how: string;
  }): void;
  /** A failure that will be retried. */
  onFault(what: string, error: unknown): void;
}

interface Places {
  readonly names: readonly string[];
  /** Those that served, as one text. */
  readonly hosts: string;
  readonly known: ReadonlySet<string>;
  /** The accounts that belong on this host. */
  readonly mine: ReadonlySet<string>;
}

/** Decides which accounts run on this host, and ends silent hosts. */
export interface Custodian {
  /** Takes up the accounts that belong here; resolves when that has begun. */
  start(): Promise<void>;
  /** Looks again now, as when accounts were added. Never rejects: `onFault` hears of failures. */
  look(): Promise<void>;
  /** Hands every account over. */
  stop(): Promise<void>;
  readonly running: readonly string[];
}

export function createCustodian(options: CustodianOptions): Custodian {
  const { members, store, bus, takeover, clock, host, incarnation, limits } = options;
  const ownKey = hostKey(host);
  const running = createRunningAccounts();
  const handingOver = new Set<string>();
  const taking = new Set<string>();
  /** Since when a holder that Postgres knows was seen without a lease. */
  const leaseless = new Map<string, number>();
  let places: Places = { names: [], hosts: "", known: new Set(), mine: new Set() };
  /** With these, everything ran where it belongs: while neither changes, there is nothing to look at. */
  let inPlace: { readonly places: Places | null; readonly running: readonly string[] } = {
    places: null,
    running: [],
  };
  let stopping = false;
  let lastSweepMs = -Infinity;
  let lastTidyMs = clock.monotonicMs();
  let cancelTenure = () => {};
  const stops: (() => void)[] = [];

  /** Every account has its place reckoned only when the accounts or the hosts are others than before. */
  function placed(names: readonly string[], serving: readonly string[]): Places {
    const hosts = serving.join(" ");
    if (places.names === names && places.hosts === hosts) return places;
    const mine = new Set(names.filter((name) => placeOf(name, serving) === ownKey));
    places = { names, hosts, known: new Set(names), mine };
    return places;
  }

  async function lookOnce(): Promise<void> {
    const serving = members.serving();
    // Not serving itself: it starts, or it stops, or its own lease is not seen to be renewed.
    if (!serving.includes(ownKey)) return;
    const { known, mine } = placed(await options.names(), serving);
    if (stopping) return;
    if (inPlace.places === places && inPlace.running === running.names()) return;
    await inBatches(
      [...mine].filter((name) => !running.has(name)),
      limits.beginsMax,
      begin,
    );
    const now = running.names();
    // An account that a person has stopped goes at once.
    for (const name of now) if (!known.has(name) && !handingOver.has(name)) void end(name);
    handOver(now.filter((name) => known.has(name) && !mine.has(name)));
    const isInPlace = now.length === mine.size && now.every((name) => mine.has(name));
    if (isInPlace) inPlace = { places, running: now };
  }

  const looks = createWorker(lookOnce, (error) => options.onFault("placing accounts", error));
  const look = looks.wake;

  /** Never rejects. */
  async function begin(name: string): Promise<void> {
    if (stopping || running.has(name)) return;
    running.add(name, clock.monotonicMs());
    try {
      await options.begin(name);
    } catch (error) {
      running.remove(name);
      options.onFault(`taking up ${name}`, error);
    }
  }

  /** Never rejects. */
  async function end(name: string): Promise<void> {
    handingOver.add(name);
    try {
      await options.end(name);
      running.remove(name);
    } catch (error) {
      options.onFault(`handing over ${name}`, error);
    } finally {
      handingOver.delete(name);
    }
  }

  /** At most so many at once, and none that has only just arrived. */
  function handOver(names: readonly string[]): void {
    cancelTenure();
    let nextMs = Infinity;
    for (const name of names) {
      if (handingOver.has(name) || !options.mayMove(name)) continue;
      const leftMs = limits.tenureMs - (clock.monotonicMs() - (running.since(name) ?? 0));
      if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
      else if (handingOver.size < limits.handoversMax) void end(name).then(look);
    }
    if (nextMs === Infinity) return;
    // A clock of finite steps could come a trifle too early, again and again.
    cancelTenure = clock.schedule(Math.max(nextMs, soonMs), () => void look());
  }

  function onOwnBeat(): void {
    if (stopping) return;
    for (const lease of members.leases()) {
      if (lease.status !== "live" || members.isLive(lease.incarnation)) continue;
      if (lease.incarnation === incarnation) continue;
      take({ incarnation: lease.incarnation, host: lease.key }, { atRevision: lease.revision });
    }
    if (clock.monotonicMs() - lastSweepMs < limits.sweepMs) return;
    lastSweepMs = clock.monotonicMs();
    sweep().catch((error: unknown) => options.onFault("looking for silent holders", error));
  }

  /** Looks for changes that came without an event: accounts, and holders without a lease. */
  async function sweep(): Promise<void> {
    // Work that grows with the number of accounts is done more rarely.
    if (clock.monotonicMs() - lastTidyMs >= limits.sweepMs * tidyEverySweeps) {
      lastTidyMs = clock.monotonicMs();
      void look();
      await options.giveBackStrays(running);
    }
    const holders = await store.holders();
    const nowMs = clock.monotonicMs();
    const gone = holders.filter(
      (one) => one.incarnation !== incarnation && !members.isLive(one.incarnation),
    );
    const known = new Set(gone.map((one) => one.incarnation));
    for (const id of leaseless.keys()) if (!known.has(id)) leaseless.delete(id);
    for (const one of gone) {
      const sinceMs = leaseless.get(one.incarnation) ?? nowMs;
      leaseless.set(one.incarnation, sinceMs);
      const lease = members
        .leases()
        .find((of) => of.incarnation === one.incarnation && of.key === hostKey(one.host));
      const waited = nowMs - sinceMs >= limits.suspectMs;
      if (waited || lease?.status === "released") {
        take(one, lease === undefined ? {} : { atRevision: lease.revision });
      }
    }
  }

  /** Its gate said that it has cut everything for ever: nothing is left to wait for. */
  function takeEnded(target: Target): void {
    if (target.incarnation === incarnation) return;
    take(target, { force: true });
  }

  /** One host of the fleet does it; when that one goes, the next. */
  function take({ incarnation: id, host: of }: Target, how: TakeHow): void {
    if (stopping || taking.has(id)) return;
    if (placeOf(`takeover of ${id}`, members.serving()) !== ownKey) return;
    taking.add(id);
    takeover
      .take({ incarnation: id, host: of }, how)
      .then((outcome) => {
        if (!outcome.ended) return;
        leaseless.delete(id);
        options.onTakeover({ incarnation: id, host: of, how: outcome.how });
      })
      .catch((error: unknown) => options.onFault(`taking over from ${of}`, error))
      .finally(() => taking.delete(id));
  }

  return {
    get running() {
      return running.names();
    },
    async start() {
      stops.push(
        members.onChange(() => void look()),
        members.onOwnBeat(onOwnBeat),
        bus.onNews((news) => {
          if (news.type === "accounts") void look();
          if (news.type === "ended") takeEnded(news);
        }),
      );
      await look();
    },
    look,
    async stop() {
      stopping = true;
      cancelTenure();
      for (const stop of stops.splice(0)) stop();
      await looks.stop();
      const names = running.names().filter((name) => !handingOver.has(name));
      const hasTakers = members.serving().some((key) => key !== ownKey);
      await handAllOver({ names, hasTakers, most: limits.beginsMax, bus, clock, end });
    },
  };
}
