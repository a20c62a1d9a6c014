import { expect } from "vitest";
import type { LifecycleEvent, lifecycleMachine } from "../../machines/lifecycle.ts";
import type { Ask } from "./model.ts";
import type { Path } from "./paths.ts";

type Held = { readonly slot: number; readonly epoch: number };

/**
 * An outsider's knowledge of an account, from its events and requests alone, without a look at its
 * context.
 */
interface Knowledge {
  /** The present grant, until its end is confirmed. */
  readonly held: Held | null;
  /**
   * The slot of a client that has answered since it was connected; null once its end was requested.
   */
  readonly answered: number | null;
  /** Independent proofs of idleness since the last connect. */
  readonly idleProofs: ReadonlySet<string>;
  readonly openRenewal: string | null;
}

const nothing: Knowledge = {
  held: null,
  answered: null,
  idleProofs: new Set(),
  openRenewal: null,
};

/**
 * Follows one path with books of its own and fails where a request contradicts them. It reads
 * events and requests only, so that a context that lies to itself is caught.
 */
export function judgeCustody({ asks, steps }: Path<typeof lifecycleMachine>): void {
  let known = asks.reduce(heed, nothing);
  for (const { event, after, asks: requests } of steps) {
    known = requests.reduce(heed, learn(known, event, after.context.slot));
    if (after.value === "stopped") expect(known.held).toBeNull();
  }
}

/** The proof in an event. */
function learn(known: Knowledge, event: LifecycleEvent, slotNow: number | null): Knowledge {
  if (event.type === "token.granted" || event.type === "switched") {
    return { ...known, held: { slot: slotNow ?? 0, epoch: event.epoch }, answered: null };
  }
  const type: string = event.type;
  switch (type) {
    case "client.ready":
      return { ...known, answered: known.held?.slot ?? null };
    case "drained":
      return { ...ended(known), idleProofs: new Set([...known.idleProofs, type]) };
    case "idle.verified":
      return { ...known, idleProofs: new Set([...known.idleProofs, type]) };
    case "cut.confirmed":
    case "released":
      return ended(known);
    default:
      return known;
  }
}

/** The condition under which a request is allowed, and its effect on the books. */
function heed(known: Knowledge, { type, params }: Ask): Knowledge {
  const asked = params as Readonly<Record<string, unknown>>;
  switch (type) {
    case "seekToken":
      expect(known.held, "a token is sought while an earlier grant was not ended").toBeNull();
      return known;
    case "connect":
      expect(asked, "connects under a grant that is not held").toEqual(known.held);
      return { ...known, answered: null, idleProofs: new Set() };
    case "serve":
      expect(asked, "serves under a grant that is not held").toEqual(known.held);
      expect(known.answered, "serves before the client has answered").toBe(asked["slot"]);
      return known;
    case "tidySlots":
      expect(known.answered, "[I2] logs slots out before the serving one has answered").toBe(
        asked["serving"],
      );
      return known;
    case "prepareSlot":
      expect(known.openRenewal, "a second renewal while one is open").toBeNull();
      return { ...known, openRenewal: asked["renewal"] as string };
    case "switchSlot":
      expect([...known.idleProofs], "[I2] switches without two proofs of idleness").toEqual([
        "drained",
        "idle.verified",
      ]);
      expect(known.held, "[I2] switches while the old slot is held").toBeNull();
      return known;
    case "finishRenewal":
      expect(known.openRenewal).toBe(asked["renewal"]);
      expect(known.answered, "[I2] ends the renewal before the new slot has answered").toBe(
        asked["slot"],
      );
      return { ...known, openRenewal: null };
    case "abortRenewal":
      return { ...(asked["stillServing"] === true ? known : ended(known)), openRenewal: null };
    case "cut":
    case "quarantine":
      return { ...ended(known), openRenewal: null };
    case "release":
      return ended(known);
    default:
      return known;
  }
}

/** The request itself ends what is held: the handler answers only after the cut was proven. */
const ended = (known: Knowledge): Knowledge => ({ ...known, held: null, answered: null });
