import { randomUUID } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { SealKey } from "../adapters/crypto/curve-seal.ts";
import { createStreamWalk } from "../adapters/nats/stream-walk.ts";
import { sessionOfKey } from "../adapters/telegram/session-blob.ts";
import type { FleetPart } from "../custody/node-side.ts";
import { hostKey } from "../custody/registers.ts";
import { placeOf } from "../custody/placement.ts";
import type { Account } from "../accounts/account.ts";
import { type Commands, type CommandOptions, createCommands } from "../commands/router.ts";
import { createCallerCommands } from "../commands/caller-verbs.ts";
import { createParkedReplay } from "../conversation/turns/parked-replay.ts";
import { createConversationCommands } from "../commands/conversation-verbs.ts";
import { createReplyCommands } from "../commands/reply-verbs.ts";
import { createForgetCommands } from "../commands/forget-verbs.ts";
import { createRetentionCommands } from "../commands/retention-verbs.ts";
import { createHealthCommands } from "../commands/health-verbs.ts";
import { createFleetCommands } from "../commands/fleet-verbs.ts";
import type { Config } from "../config/config.ts";
import type { RetentionJob } from "../conversation/retention/job.ts";
import type { Host } from "../accounts/host.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import type { Gate } from "../ports/custody/gate.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { TelegramDrivers } from "../ports/telegram/telegram.ts";
import { checkBot } from "./bots.ts";
import type { Stores } from "./stores.ts";

export interface NodeCommandOptions {
  readonly config: Pick<Config, "bot" | "bots" | "home" | "profile" | "telegram">;
  readonly host: Host<Account>;
  readonly drivers: Pick<TelegramDrivers, "requireInstalled">;
  readonly gate: Pick<Gate, "incarnation" | "host">;
  readonly fleet: Pick<FleetPart, "members" | "takeover" | "bus">;
  readonly bus: FleetBus;
  readonly stores: Stores;
  readonly stream: InboundStream;
  readonly nats: NatsConnection;
  readonly clock: Clock;
  readonly retention: RetentionJob;
  readonly nodeVerbs: CommandOptions["nodeVerbs"];
  readonly sealKey: Pick<SealKey, "publicKey">;
}

/** This node's answers: for its accounts, for the fleet, and for itself. */
export function createNodeCommands(options: NodeCommandOptions): Commands {
  const { host, drivers, gate, fleet, bus, stores, stream, clock, nodeVerbs } = options;
  const { accounts, tokens, incarnations } = stores;
  const fleetCommands = createFleetCommands({
    incarnation: gate.incarnation,
    accounts,
    tokens,
    waits: stores.waits,
    now: () => clock.now(),
    drivers,
    force: { tokens, incarnations, bus: fleet.bus, takeover: fleet.takeover },
  });
  return createCommands({
    host,
    hostName: gate.host,
    accounts,
    peers: stores.peers,
    drivers,
    fleet: fleetCommands,
    belongsElsewhere(account) {
      const place = placeOf(account, fleet.members.serving());
      return place !== null && place !== hostKey(gate.host);
    },
    conversations: createConversationCommands({
      records: stores.records,
      store: stores.conversations,
      escalations: stores.escalations,
      parked: stores.parked,
      replays: createParkedReplay({ parked: stores.parked, stream }),
    }),
    replies: createReplyCommands({
      undelivered: stores.undelivered,
      records: stores.records,
      persons: stores.persons,
      tellReplies: (account) => bus.tell({ type: "replies", account }),
    }),
    forget: createForgetCommands({
      erasure: stores.erasure,
      search: stores.textSearch,
      streams: createStreamWalk(options.nats),
      tellForgotten(chatUser, places) {
        for (const place of places) bus.tell({ type: "forgotten", ...place, chatUser });
      },
    }),
    retention: createRetentionCommands(options.retention),
    health: createHealthCommands({
      store: stores.health,
      members: fleet.members,
      all: fleetCommands.all,
    }),
    callers: createCallerCommands({ ...stores, newId: randomUUID, now: () => clock.now() }),
    tellAdded: () => bus.tell({ type: "accounts" }),
    newId: randomUUID,
    now: () => clock.now(),
    clock,
    makeSession: sessionOfKey,
    checkBot: (chosen) => checkBot(chosen, options.config, options.clock),
    nodeVerbs,
    sealKey: options.sealKey.publicKey,
  });
}
