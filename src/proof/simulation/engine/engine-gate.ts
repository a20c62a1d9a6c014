import type { Duplex } from "node:stream";
import type { AccountWorld } from "../../../accounts/context.ts";
import type { Gate, GrantRef } from "../../../ports/custody/gate.ts";
import type { SlotRef, TokenStore } from "../../../ports/custody/token-store.ts";
import type { SimProcess } from "../kernel.ts";
import type { EngineWorld } from "./engine-world.ts";

/** A node of a host, in one run of its process. */
export interface NodeOf {
  readonly name: string;
  readonly process: SimProcess;
  readonly incarnation: string;
  onStatement(): "goes-on" | "lost-before" | "lost-after";
}

/** The gate, which has the sockets; it cuts when it is told to, and when its node is gone. */
export function createSimGate(world: EngineWorld, { name, incarnation }: NodeOf) {
  const { messenger } = world;
  const sockets = new Map<Duplex, GrantRef>();
  /** A late cut of an earlier epoch leaves what a newer one has. */
  const isOf =
    ({ account, slot, epoch }: GrantRef) =>
    (other: GrantRef) =>
      other.account === account && other.slot === slot && other.epoch <= epoch;

  const gate: Gate & { grantOf(socket: unknown): GrantRef | null; stop(): void } = {
    incarnation,
    host: name,
    admit: async () => {},
    async dial(grant) {
      // Nothing is read from it or written to it: the simulated client looks at whose it is alone.
      const socket = {} as Duplex;
      sockets.set(socket, grant);
      return socket;
    },
    async cut(grant) {
      for (const [socket, one] of sockets) if (isOf(grant)(one)) sockets.delete(socket);
      messenger.breakWires((wire) => wire.incarnation === incarnation && isOf(grant)(wire), true);
      return { sockets: 0, tookMs: 0 };
    },
    sockets: async (ref) =>
      messenger.wiresOf(ref.account).filter((wire) => wire.slot === ref.slot).length,
    grantOf: (socket) => sockets.get(socket as Duplex) ?? null,
    stop: () => sockets.clear(),
  };
  return gate;
}

/** Custody's claims, which a simulation of their own judges: a free token is granted, and who waits is woken. */
export function createClaims(
  world: EngineWorld,
  { process, incarnation }: NodeOf,
  tokens: TokenStore,
  gate: Pick<Gate, "cut">,
): AccountWorld["claims"] {
  return {
    async claim(ref, onRaising) {
      let outcome = await tokens.grant(ref, incarnation);
      const { token } = outcome;
      if (!outcome.applied && token?.incarnation === incarnation) {
        // The remains of an earlier attempt.
        const grant = { ...ref, epoch: token.epoch };
        await gate.cut(grant);
        await tokens.released(grant);
        outcome = await tokens.grant(ref, incarnation);
      }
      if (!outcome.applied) return null;
      const grant = { account: ref.account, slot: ref.slot, epoch: outcome.token.epoch };
      onRaising?.(grant, Promise.resolve());
      return grant;
    },
    confirm: async () => {},
    untilFree: (ref, signal) =>
      new Promise((resolve) => {
        const end = () => {
          world.freedListeners.delete(listener);
          signal.removeEventListener("abort", end);
          resolve();
        };
        const listener = (freed: SlotRef) => {
          if (freed.account === ref.account && freed.slot === ref.slot) process.deliver(2, end);
        };
        if (signal.aborted) return resolve();
        world.freedListeners.add(listener);
        signal.addEventListener("abort", end, { once: true });
      }),
    freed(ref) {
      for (const listener of world.freedListeners) listener(ref);
    },
    taken: () => {},
  };
}
