import type { FloorValue } from "../../../custody/registers.ts";
import type { Kernel } from "../kernel.ts";
import { createSimRegister, type SimRegister } from "../sim-register.ts";
import { createSimSignatures, type SimSignatures } from "../sim-signatures.ts";

/** What the hosts of a fleet share, beside Postgres, so that each key is in one hand. */
export interface FleetMemory {
  readonly floors: SimRegister<FloorValue>;
  readonly signatures: SimSignatures;
  /** Nothing of this incarnation can act any more, and its tokens are free. */
  ended(incarnation: string): void;
  untilEnded(incarnation: string): Promise<void>;
}

export function createFleetMemory(kernel: Kernel, timeoutMs: number): FleetMemory {
  const endings = new Map<string, { readonly over: Promise<void>; readonly end: () => void }>();

  function endingOf(incarnation: string) {
    let found = endings.get(incarnation);
    if (found === undefined) {
      const { promise: over, resolve: end } = Promise.withResolvers<void>();
      endings.set(incarnation, (found = { over, end }));
    }
    return found;
  }

  return {
    floors: createSimRegister<FloorValue>(kernel, timeoutMs),
    signatures: createSimSignatures(),
    ended: (incarnation) => endingOf(incarnation).end(),
    untilEnded: (incarnation) => endingOf(incarnation).over,
  };
}
