import { join } from "node:path";
import type { Logger } from "pino";
import { sealTo } from "../adapters/crypto/curve-seal.ts";
import { isHostIdentity } from "../adapters/machine/host-identity.ts";
import { ownIdentity } from "../adapters/machine/process-identity.ts";
import { createSignatures } from "../adapters/crypto/incarnation-key.ts";
import { proveSilence } from "../adapters/machine/silence.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import { createTelegramDrivers } from "../adapters/telegram/drivers.ts";
import type { Config } from "../config/config.ts";
import type { FleetPart } from "../custody/node-side.ts";
import type { ReplyDesk } from "../conversation/outbox/ticket.ts";
import { hostKey } from "../custody/registers.ts";
import type { Account } from "../accounts/account.ts";
import { createHost, type Host } from "../accounts/host.ts";
import { connectionsIn } from "../gate/journal.ts";
import { hasLastWord } from "../gate/last-word.ts";
import type { AccountRecord } from "../ports/accounts/account-store.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import type { Gate } from "../ports/custody/gate.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { StreamLosses } from "../ports/conversation/stream-losses.ts";
import type { TelegramDrivers } from "../ports/telegram/telegram.ts";
import { makeAccount } from "./accounts.ts";
import type { Stores } from "./stores.ts";

const simulatedApiId = 1;
const simulatedApiHash = "0".repeat(32);

export interface NodeHostOptions {
  readonly config: Config;
  /** The gate's introduction: the path of its socket, and the proof of its silence. */
  readonly gateIs: { readonly path: string; readonly identity: unknown };
  readonly gate: Gate;
  readonly fleet: Pick<FleetPart, "claims" | "takeover" | "makeCustodian">;
  readonly stores: Stores;
  readonly stream: InboundStream;
  readonly losses: StreamLosses;
  readonly desk: ReplyDesk;
  readonly events: EventSink;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  mayCall(): boolean;
}

export interface NodeHost {
  readonly host: Host<Account>;
  readonly drivers: TelegramDrivers;
  /** Loads the drivers that the fleet's accounts need before an account comes here, as loading one takes long. */
  warmUp(): Promise<void>;
}

/** The accounts of this node, each over its driver, under tokens of this gate's incarnation. */
export function createNodeHost(options: NodeHostOptions): NodeHost {
  const { config, gateIs, gate, fleet, stores, clock, log, metrics } = options;
  const { accounts, tokens, incarnations, cursors, outbox, waits } = stores;
  const { claims, takeover, makeCustodian } = fleet;
  const drivers = createTelegramDrivers({
    apiId: config.telegram?.apiId ?? simulatedApiId,
    apiHash: config.telegram?.apiHash ?? simulatedApiHash,
    dataCentre: config.telegramDc,
  });
  /** Never rejects: an unloadable driver troubles only the accounts that connect with it. */
  const warm = (all: readonly AccountRecord[]) =>
    Promise.allSettled(
      [...new Set(all.map(({ driver }) => driver))].map((name) => drivers.of(name)),
    );
  const signatures = createSignatures();
  const journal = join(config.home, "journal");
  const identity = isHostIdentity(gateIs.identity) ? gateIs.identity : null;
  const { desk, events, stream, losses, mayCall } = options;
  const parts = {
    accounts,
    tokens,
    claims,
    gate,
    drivers,
    clock,
    mayCall,
    events,
    seal: sealTo,
    stream,
    losses,
    cursors,
    outbox,
    desk,
    waits,
    onReply: metrics.conversations.reply,
    onFloodWait: metrics.flood,
    isFleets: (userId: string): boolean => host.isFleets(userId),
    onUnheard: metrics.conversations.unanswered,
  };
  const host: Host<Account> = createHost({
    accounts,
    tokens,
    incarnations,
    gate,
    takeover,
    makeCustodian,
    promise: { holdMs: config.timings.holdMs, answerMs: config.timings.answerMs },
    proof: { pid: process.ppid, gate: gateIs.path, ...identity, node: ownIdentity() },
    proveSilence: async (of) =>
      hasLastWord(journal, { incarnation: of.id, host: of.host }, signatures) ||
      (await proveSilence({
        own: identity,
        recorded: of.proof,
        connections: () => connectionsIn(journal, of.id, hostKey(of.host)),
        withinMs: config.timings.takeMs,
      })),
    onWait: (incarnation) =>
      log.warn(
        { incarnation },
        "an earlier gate of this host ended without release; its tokens rest until it can do nothing any more",
      ),
    onChanged: (changed) => void warm(changed),
    makeAccount: (record) => makeAccount(parts, config, record),
  });
  metrics.waits(() => host.all());
  return { host, drivers, warmUp: async () => void (await warm(await accounts.list())) };
}
