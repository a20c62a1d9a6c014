import type { Logger } from "pino";
import { createLogger } from "../adapters/log/logger.ts";
import { createFleetBus } from "../adapters/nats/fleet-bus.ts";
import { openInboundStream } from "../adapters/nats/inbound-stream.ts";
import { createSealKey } from "../adapters/crypto/curve-seal.ts";
import { requestSealed } from "../adapters/crypto/sealed-request.ts";
import { fleetSealKey } from "../adapters/postgres/sealing-key-store.ts";
import { createSystemClock } from "../concurrency/system-clock.ts";
import type { Config } from "../config/config.ts";
import { createReplyDesk } from "../conversation/outbox/ticket.ts";
import { errorLine } from "../errors.ts";
import { connectGate } from "../gate/gate-client.ts";
import type { GateMessage, NodeMessage } from "../gate/supervisor.ts";
import type { AskHolder } from "../ports/ask-holder.ts";
import { warnOfOwner } from "../adapters/postgres/schema-owner.ts";
import { joinFleet } from "./custody.ts";
import { openNodeDatabases } from "./databases.ts";
import { createNodeEvents } from "./events.ts";
import { createNodeMetrics, createReadiness, showGateFigures } from "./figures.ts";
import { createNodeKeys } from "./keys.ts";
import { watchStreams } from "./stream-losses.ts";
import type { StartStage } from "./stages.ts";
import { createStores, openNodeNats } from "./stores.ts";

/** Beyond the longest rest after a cut, which a gate sits out before it answers a fence. */
const fenceAnswerMs = 1000;

export interface NodeOptions {
  readonly config: Config;
  /** How the gate that started this node has introduced itself. */
  readonly gateIs: Extract<GateMessage, { type: "gate" }>;
  /** To the gate. */
  tell(message: NodeMessage): void;
  /** Ends this process: its gate is gone, or Postgres is back and a fresh process is to find it as it is. */
  exit(): void;
}

/** The tools of a node. */
export type OpenNode = Awaited<ReturnType<typeof openNode>>;

/** Reaches the gate, Postgres, NATS and the fleet. Nothing of an account happens yet. */
export async function openNode(stage: StartStage, options: NodeOptions) {
  const { config, gateIs } = options;
  const log: Logger = createLogger(config.logLevel, "node");
  const onFault = (error: unknown) => log.warn(errorLine(error));
  const clock = createSystemClock();
  const metrics = createNodeMetrics();
  const readiness = createReadiness({ hasWebhook: config.webhook !== null });
  const gate = await stage({
    name: "gate",
    start: () => connectGate({ ...gateIs, onLost: options.exit }),
    stop: (one) => one.close(),
  });
  showGateFigures(metrics, gate);
  const databases = await stage({
    name: "database",
    start: () => openNodeDatabases(config, gateIs.host),
    stop: (one) => one.close(),
  });
  if (config.profile === "production")
    await warnOfOwner(databases.others, (line) => log.warn(line));
  const keys = createNodeKeys(config, databases.others);
  await keys.check();
  const sealKey = await fleetSealKey(databases.others, keys.sealer, createSealKey);
  const stores = createStores(databases, keys.sealer);
  const nats = await stage({
    name: "nats",
    start: () => openNodeNats(config, gateIs.host),
    stop: (one) => one.drain(),
  });
  const bus = createFleetBus(nats, { fenceTimeoutMs: config.timings.answerMs + fenceAnswerMs });
  const askHolder: AskHolder = (asked) => requestSealed(nats, sealKey.publicKey, asked);
  const events = createNodeEvents({
    nats,
    askHolder,
    log,
    clock,
    metrics,
    ways: config.notices,
    onAuthorised: () => bus.tell({ type: "accounts" }),
  });
  const fleet = await stage({
    name: "fleet",
    start: () =>
      joinFleet({
        nats,
        database: databases.custody,
        bus,
        gate,
        clock,
        config,
        log,
        metrics,
        incarnations: stores.incarnations,
        tokens: stores.tokens,
        onEnd: (why) => options.tell({ type: "end", why }),
        onAway(away) {
          // A fresh process finds the database as it is; until then nothing is held.
          if (!away) options.exit();
          readiness.gaveUp();
          options.tell({
            type: "let-go",
            why: "Postgres is away, and other hosts may reach it",
          });
        },
      }),
    stop: (one) => one.stop(),
  });
  const stream = await openInboundStream(nats, {
    host: gateIs.host,
    era: fleet.era,
    keepParked: stores.parked.keep,
  });
  const losses = await stage({
    name: "streams",
    start: () =>
      watchStreams({
        streams: stream,
        store: stores.streamLosses,
        incarnation: gateIs.incarnation,
        webhookAccount: config.webhook?.account ?? null,
        clock,
        events,
        log,
        onFault,
      }),
    stop: (one) => one.stop(),
  });
  return {
    config,
    gateIs,
    tell: options.tell,
    log,
    onFault,
    clock,
    metrics,
    readiness,
    gate,
    databases,
    keys,
    sealKey,
    stores,
    nats,
    askHolder,
    bus,
    events,
    fleet,
    stream,
    losses,
    /** Where the accounts' senders and the turns of this node meet. */
    desk: createReplyDesk(),
  };
}
