import { randomUUID } from "node:crypto";
import type { CommandHandlers } from "../adapters/nats/command-server.ts";
import type { CallerStore } from "../ports/callers/caller-store.ts";
import type { AuditTrail } from "../ports/callers/audit-trail.ts";
import type { Commands } from "../commands/router.ts";
import { createDoor, type Door } from "../commands/door.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { Config } from "../config/config.ts";
import type { NodeKeys } from "./keys.ts";

export interface NodeDoorOptions {
  readonly config: Pick<Config, "operators" | "unnamedRole">;
  readonly gate: { readonly host: string };
  readonly stores: { readonly callers: CallerStore; trail(host: string): AuditTrail };
  readonly keys: Pick<NodeKeys, "mark">;
  readonly clock: Clock;
  onFault(error: unknown): void;
}

/** Where the commands to this node pass. */
export function createNodeDoor(options: NodeDoorOptions): Door {
  const { config, gate, stores, keys, clock, onFault } = options;
  return createDoor({
    host: gate.host,
    callers: stores.callers,
    trail: stores.trail(gate.host),
    operators: config.operators,
    unnamedRole: config.unnamedRole,
    mark: keys.mark,
    newId: randomUUID,
    now: () => clock.now(),
    onFault,
  });
}

/** The commands of this node, each through its door. */
export const throughDoor = (commands: Commands, door: Door): CommandHandlers => ({
  fleet: (verb, body, key) =>
    commands.fleet(verb, body, door.visit({ of: "fleet", verb, account: null, body, key })),
  run: (account, verb, body, key) =>
    commands.run(account, verb, body, door.visit({ of: "account", verb, account, body, key })),
  fallback: (account, verb, body, key) =>
    commands.fallback(account, verb, body, door.visit({ of: "account", verb, account, body, key })),
  everyone: (verb, body, key) =>
    commands.everyone(verb, body, door.visit({ of: "nodes", verb, account: null, body, key })),
});
