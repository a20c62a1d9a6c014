import type { Clock } from "../concurrency/clock.ts";
import type { IncarnationStore } from "../ports/custody/incarnation-store.ts";

export interface HeartbeatOptions {
  readonly store: Pick<IncarnationStore, "beat" | "marksOfOthers">;
  readonly incarnation: string;
  readonly clock: Clock;
  /** Postgres away for longer than this is reported, in milliseconds. */
  readonly awayMs: number;
  /** This incarnation may not hold anything any more. */
  onEnded(why: string): void;
  /** Postgres does not remember writes that it acknowledged: it was restored from an older copy. */
  onRestored(why: string): void;
  /**
   * This host could not write to Postgres for `awayMs`, and whether others can is unknown or seen; again `false` when
   * it can.
   */
  onAway(away: boolean): void;
}

/** Tells this host early that Postgres was restored or is away, or that it revoked this host. */
export interface Heartbeat {
  /** One beat; call it with every renewal of the lease. At most one is under way. Never rejects. */
  beat(): Promise<void>;
  /** Nothing is told any more, also of a beat that is under way. */
  end(): void;
}

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { store, incarnation, clock } = options;
  /** The highest count that was acknowledged. */
  let beats = 0;
  /** When Postgres last took a beat, or last showed that no other host is ahead. */
  let answeredMs = clock.monotonicMs();
  let marks: string | null = null;
  let away = false;
  let beating = false;
  let over = false;

  function setAway(next: boolean): void {
    if (over || away === next) return;
    away = next;
    options.onAway(next);
  }

  /**
   * A lock, or a database that can only be read, keeps every host from writing: giving everything up would help no
   * other. It is not written to yet, so a host that has given up does not begin anew.
   */
  async function lookAtOthers(): Promise<void> {
    const now = await store.marksOfOthers(incarnation);
    if (now === null || now === marks) answeredMs = clock.monotonicMs();
    marks = now;
  }

  async function beat(): Promise<void> {
    const found = await store.beat(incarnation).catch(() => null);
    if (over) return;
    if (found === null || found.state === "LOCKED") return lookAtOthers();
    answeredMs = clock.monotonicMs();
    setAway(false);
    if (found.state === "LIVE") {
      if (found.beats <= beats) {
        options.onRestored(`it counts ${found.beats} beats of this host after ${beats}`);
      }
      beats = Math.max(beats, found.beats);
      return;
    }
    if (found.state === "MISSING") options.onRestored("it does not know this host's incarnation");
    else options.onEnded(`the incarnation is ${found.state} in Postgres`);
  }

  return {
    async beat() {
      if (clock.monotonicMs() - answeredMs >= options.awayMs) setAway(true);
      if (beating || over) return;
      beating = true;
      await beat().catch(() => undefined);
      beating = false;
    },
    end() {
      over = true;
    },
  };
}
