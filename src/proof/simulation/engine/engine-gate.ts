import type { Duplex } from "node:stream";
import { createAdmission } from "../../../custody/admission.ts";
import { alreadyOpen, type Gate, type GrantRef } from "../../../ports/custody/gate.ts";
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

  /** Production's rule book: what was cut never dials again. */
  const admission = createAdmission({
    mayAct: () => true,
    isOpen: ({ account, slot }) =>
      messenger
        .wiresOf(account)
        .some((wire) => wire.slot === slot && wire.incarnation === incarnation),
  });

  const gate: Gate & { grantOf(socket: unknown): GrantRef | null; stop(): void } = {
    incarnation,
    host: name,
    async dial(permit, _to, when) {
      await when;
      admission.checkDial(permit);
      // Nothing is read from it or written to it: the simulated client looks at whose it is alone.
      const socket = {} as Duplex;
      sockets.set(socket, permit);
      return alreadyOpen(socket);
    },
    async cut(grant) {
      admission.cut(grant);
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
