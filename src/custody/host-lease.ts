import { HoldfastError } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { RegisterEntry, SharedRegister } from "../ports/custody/shared-register.ts";
import type { Signer } from "../ports/custody/signatures.ts";
import type { LeaseDeadline, Moment } from "./lease-deadline.ts";
import { hostKey, type LeaseValue } from "./registers.ts";
import { leaseText } from "./signed-statements.ts";

export interface HostLeaseOptions {
  readonly hosts: SharedRegister<LeaseValue>;
  readonly host: string;
  readonly signer: Signer;
  readonly deadline: LeaseDeadline;
  readonly clock: Clock;
  newNonce(): string;
  readonly timings: {
    readonly heartbeatMs: number;
    readonly retryMs: number;
    readonly suspectMs: number;
    /** With this and the next, the lease tells its successors how long they must wait. */
    readonly holdMs: number;
    readonly answerMs: number;
  };
  /** The channels that this host has settings for. */
  readonly channels?: readonly string[];
  /** How long to wait for another gate of this host to give its lease up, in milliseconds. */
  readonly waitMs: number;
  /** Another gate is waited for, as in a rolling deploy. */
  onWait(incarnation: string): void;
  /** The lease is over and cannot come back: cut, and end this process. */
  onLatched(why: string): void;
}

/** One lease per host, renewed by compare-and-set; only an acknowledgement extends it. */
export interface HostLease {
  /** Takes the lease; waits out a predecessor's. Throws LEASE_HELD while another gate renews it. */
  acquire(): Promise<void>;
  /** Tells the fleet at once whether this host takes accounts. */
  setServing(serving: boolean): void;
  /** Ends it for ever without telling the fleet: everything was or is about to be cut. */
  latch(why: string): void;
  /** Gives it up with everything cut, so that a successor need not wait. */
  release(): Promise<void>;
  readonly renewals: number;
}

/** As long as Linux lets a machine's name be. */
const hostLettersMax = 64;

interface Attempt {
  readonly value: LeaseValue;
  readonly sentAt: Moment;
}

export function createHostLease(options: HostLeaseOptions): HostLease {
  const { hosts, host, signer, deadline, clock, timings, newNonce } = options;
  const { incarnation } = signer;
  const key = hostKey(host);
  /** Writes since the last acknowledgement whose outcome is not known, by nonce. */
  const outstanding = new Map<string, Attempt>();
  let revision = 0;
  let value: LeaseValue = {
    generation: 0,
    incarnation,
    n: 0,
    nonce: "",
    status: "live",
    serving: false,
    holdMs: timings.holdMs,
    answerMs: timings.answerMs,
    ...(options.channels !== undefined && { channels: options.channels }),
    host,
  };
  let wantServing = false;
  let stopped = false;
  let renewing = false;
  let renewals = 0;
  let cancelRenewal = () => {};
  let stopWatching = () => {};

  function latch(why: string): void {
    if (stopped) return;
    stop();
    options.onLatched(why);
  }

  function stop(): void {
    stopped = true;
    cancelRenewal();
    stopWatching();
    deadline.latch();
  }

  function acknowledge(attempt: Attempt, at: number): void {
    revision = at;
    value = attempt.value;
    outstanding.clear();
    if (!deadline.extend(attempt.sentAt)) latch(`a renewal of ${host} came after its deadline`);
  }

  /** The value with a nonce of its own, signed: any change to it afterwards shows. */
  function signed(next: LeaseValue): LeaseValue {
    const fresh = { ...next, nonce: newNonce() };
    return { ...fresh, signature: signer.sign(leaseText(key, fresh)) };
  }

  function attemptOf(next: LeaseValue): Attempt {
    const attempt = { value: signed(next), sentAt: deadline.note() };
    outstanding.set(attempt.value.nonce, attempt);
    return attempt;
  }

  /**
   * After anything but an acknowledgement. A refusal, while the outcome of no earlier write is unknown, is another's
   * write. Otherwise only one of our own outstanding nonces says that the write was ours.
   */
  async function settle(refusal: unknown, wasCertain: boolean): Promise<boolean> {
    if (wasCertain && isConflict(refusal)) {
      latch(`the lease of ${host} shows a write that its gate did not make`);
      return false;
    }
    const entry = await hosts.read(key);
    if (stopped) return false;
    const attempt = outstanding.get(nonceOf(entry));
    if (entry !== null && attempt !== undefined) {
      acknowledge(attempt, entry.revision);
      return true;
    }
    if (!isOursOfBefore(entry)) latch(`the lease of ${host} ${whatHappened(entry)}`);
    return false;
  }

  /** A lagging or isolated server shows an older entry; the deadline goes on running meanwhile. */
  function isOursOfBefore(entry: RegisterEntry<LeaseValue> | null): boolean {
    if (entry === null || entry.revision > revision || !isOurs(entry.value)) return false;
    if (entry.value.status !== "live") return false;
    return entry.value.nonce === value.nonce || entry.value.n < value.n;
  }

  /** The key is the kind of Ed25519: it signs the same text in the same way each time. */
  const isOurs = (of: LeaseValue): boolean =>
    of?.incarnation === incarnation && of.signature === signer.sign(leaseText(key, of));

  async function attemptRenewal(): Promise<boolean> {
    const wasCertain = outstanding.size === 0;
    const attempt = attemptOf({ ...value, n: value.n + 1, serving: wantServing });
    try {
      const at = await hosts.write(key, attempt.value, revision);
      if (stopped) return false;
      acknowledge(attempt, at);
      return true;
    } catch (cause) {
      return settle(cause, wasCertain).catch(() => false);
    }
  }

  /** Never rejects: a failure is retried, or latches the lease. */
  async function renew(): Promise<void> {
    if (stopped || renewing) return;
    if (!deadline.isAlive()) return latch(`the lease of ${host} ran out before it was renewed`);
    renewing = true;
    cancelRenewal();
    const renewed = await attemptRenewal();
    renewing = false;
    if (renewed) renewals += 1;
    if (stopped) return;
    const isNews = renewed && value.serving !== wantServing;
    const waitMs = renewed ? timings.heartbeatMs : timings.retryMs;
    cancelRenewal = clock.schedule(isNews ? 0 : waitMs, () => void renew());
  }

  /** Ends the hold on time even when no renewal answers at all. */
  function watchDeadline(): void {
    if (stopped) return;
    if (!deadline.isAlive()) {
      return latch(`the lease of ${host} ran out: NATS did not acknowledge a renewal`);
    }
    const waitMs = Math.max(1, Math.min(deadline.leftMs, timings.heartbeatMs));
    clock.schedule(waitMs, watchDeadline);
  }

  /** Another's write is known at once, and not only with the next renewal. */
  function noticeOthers(entry: RegisterEntry<LeaseValue>): void {
    if (entry.key !== key || entry.revision <= revision) return;
    if (!outstanding.has(nonceOf(entry))) latch(`the lease of ${host} ${whatHappened(entry)}`);
  }

  /** The fate of a lease that another gate holds: it is given up, renewed again, or silent. */
  async function watchPredecessor(nonce: string): Promise<"ended" | "renewed" | "silent"> {
    let unwatch = () => {};
    const fate = await new Promise<"ended" | "renewed" | "silent">((resolve, reject) => {
      clock.schedule(timings.suspectMs, () => resolve("silent"));
      hosts
        .watch((entry) => {
          if (entry.key !== key) return;
          if (entry.value?.status !== "live") resolve("ended");
          else if (entry.value.nonce !== nonce) resolve("renewed");
        })
        .then((stopWatch) => {
          unwatch = stopWatch;
        }, reject);
    });
    unwatch();
    if (fate !== "silent") return fate;
    // A watch may have missed it.
    const entry = await hosts.read(key);
    return nonceOf(entry) === nonce ? "silent" : "renewed";
  }

  async function untilFree(): Promise<RegisterEntry<LeaseValue> | null> {
    const untilMs = clock.monotonicMs() + options.waitMs;
    for (let told = false; ; told = true) {
      const found = await hosts.read(key);
      if (found?.value?.status !== "live") return found;
      const fate = await watchPredecessor(found.value.nonce);
      if (fate === "silent") return found;
      if (fate === "ended") continue;
      if (clock.monotonicMs() >= untilMs) throw leaseHeld(host, found.value);
      if (!told) options.onWait(found.value.incarnation);
    }
  }

  return {
    get renewals() {
      return renewals;
    },
    latch,
    setServing(serving) {
      if (wantServing === serving) return;
      wantServing = serving;
      if (revision > 0) void renew();
    },
    async acquire() {
      const found = await untilFree();
      value = { ...value, generation: generationOf(found) + 1 };
      const attempt = attemptOf(value);
      try {
        acknowledge(attempt, await hosts.write(key, attempt.value, found?.revision ?? 0));
      } catch (cause) {
        const isHeld = await settle(cause, true).catch(() => false);
        if (!isHeld) throw leaseHeld(host, {}, cause);
      }
      cancelRenewal = clock.schedule(timings.heartbeatMs, () => void renew());
      watchDeadline();
      const unwatch = await hosts.watch(noticeOthers);
      if (stopped) unwatch();
      else stopWatching = unwatch;
    },
    async release() {
      const wasStopped = stopped;
      stop();
      if (wasStopped || revision === 0) return;
      const last = signed({ ...value, n: value.n + 1, status: "released", serving: false });
      await hosts.write(key, last, revision).catch(() => undefined);
    },
  };
}

const isConflict = (cause: unknown): boolean =>
  cause instanceof HoldfastError && cause.code === "REGISTER_CONFLICT";

// Anybody may have written these: they may be of any form.
const nonceOf = (entry: RegisterEntry<LeaseValue> | null): string => entry?.value?.nonce ?? "";
const generationOf = (entry: RegisterEntry<LeaseValue> | null): number => {
  const generation = entry?.value?.generation ?? 0;
  return Number.isSafeInteger(generation) ? generation : 0;
};

function whatHappened(entry: RegisterEntry<LeaseValue> | null): string {
  if (entry === null) return "is gone from NATS, which was emptied or restored";
  if (entry.value?.status === "revoked") {
    return "was revoked by another host, which had not seen it renewed";
  }
  return `shows a write that its gate did not make (incarnation ${entry.value?.incarnation})`;
}

/** Anybody may have written it: a name may be of any form. */
type Written = Partial<Pick<LeaseValue, "incarnation">> & { readonly host?: unknown };

function leaseHeld(
  host: string,
  { host: other = host, incarnation = "another gate" }: Written,
  cause?: unknown,
): HoldfastError {
  const name = String(other).slice(0, hostLettersMax);
  if (name !== host) return looksAlike(host, name, cause);
  return new HoldfastError({
    code: "LEASE_HELD",
    message: `Another gate holds the lease of host "${host}" and renews it (${incarnation}).`,
    next: "Stop it, or give this host a name of its own in HOLDFAST_HOST.",
    policy: "retryable",
    cause,
  });
}

const looksAlike = (host: string, other: string, cause: unknown) =>
  new HoldfastError({
    code: "LEASE_HELD",
    message: `The hosts "${host}" and "${other}" have one lease, as their names differ only in letters that are written as _, and "${other}" renews it.`,
    next: "Give this host a name of its own in HOLDFAST_HOST, of letters, digits and hyphens.",
    policy: "retryable",
    cause,
  });
