import "./compile-early.ts";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { connectNats } from "../adapters/nats/connection.ts";
import { serveCommands } from "../adapters/nats/command-server.ts";
import { createAccountCaller } from "../adapters/nats/account-caller.ts";
import { createFleetBus } from "../adapters/nats/fleet-bus.ts";
import { openInboundStream } from "../adapters/nats/inbound-stream.ts";
import { fetchFile } from "../adapters/http/fetch-file.ts";
import { startHttpServer } from "../adapters/http/http-server.ts";
import { createLogger } from "../adapters/log/logger.ts";
import { createMetrics } from "../adapters/metrics/metrics.ts";
import { createAccountStore } from "../adapters/postgres/account-store.ts";
import { createConversationRecords } from "../adapters/postgres/conversation-records.ts";
import { createCustodyStore } from "../adapters/postgres/custody-store.ts";
import { createGroupedConversationStore } from "../adapters/postgres/grouped-conversation-store.ts";
import { createCursorStore } from "../adapters/postgres/cursor-store.ts";
import { openDatabase } from "../adapters/postgres/database.ts";
import { createPartitionReplies } from "../adapters/postgres/partition-replies.ts";
import { createOutboxStore } from "../adapters/postgres/outbox-store.ts";
import { createStepStore } from "../adapters/postgres/step-store.ts";
import { createTokenStore } from "../adapters/postgres/token-store.ts";
import { createSystemClock } from "../adapters/system-clock.ts";
import { sessionOfKey } from "../adapters/telegram/session-blob.ts";
import { createTelegramDrivers } from "../adapters/telegram/drivers.ts";
import { isHostIdentity } from "../adapters/machine/host-identity.ts";
import { ownIdentity } from "../adapters/machine/process-identity.ts";
import { proveSilence } from "../adapters/machine/silence.ts";
import { connectionsIn } from "../gate/journal.ts";
import { type Config, readConfig } from "../config/config.ts";
import { createReplyDesk } from "../conversation/outbox/ticket.ts";
import { createConversationCommands } from "../engine/conversation-commands.ts";
import { createCommands } from "../engine/commands.ts";
import { createHost } from "../engine/host.ts";
import { createMediaReader } from "../engine/media-reader.ts";
import { createLedgerStore } from "../adapters/postgres/ledger-store.ts";
import { createLedgerShipping } from "../engine/ledger-shipping.ts";
import { createFleetCommands } from "../engine/fleet-commands.ts";
import { createRenewalTriggers } from "../engine/renewal-triggers.ts";
import type { Account } from "../engine/account.ts";
import type { AccountRecord } from "../ports/account-store.ts";
import { hostKey } from "../custody/lease-value.ts";
import { placeOf } from "../custody/placement.ts";
import { errorLine, HoldfastError } from "../errors.ts";
import { connectGate, type GateClient } from "../gate/gate-client.ts";
import type { GateMessage, NodeMessage } from "../gate/supervisor.ts";
import { lifecycleStateNames } from "./lifecycle-states.ts";
import { makeAccount } from "./node-accounts.ts";
import { createNodeKeys } from "./node-keys.ts";
import { nodeBot } from "./node-bot.ts";
import { createNodeTurns } from "./node-turns.ts";
import { createNodeWebhook } from "./node-webhook.ts";
import { joinFleet } from "./node-custody.ts";
import { createNodeEvents } from "./node-events.ts";

/** Beyond the longest rest after a cut, which a gate sits out before it answers a fence. */
const fenceAnswerMs = 1000;
const simulatedApiId = 1;
const simulatedApiHash = "0".repeat(32);
const unwellStates: ReadonlySet<string> = new Set(["quarantined", "fenced"]);

type Introduction = Extract<GateMessage, { type: "gate" }>;

function tell(message: NodeMessage): void {
  // A gate that has just ended is noticed by the disconnect.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The gate introduces itself first; a node without a gate may not run. */
function introduction(): Promise<Introduction> {
  if (!process.connected) {
    throw new HoldfastError({
      code: "GATE_MISSING",
      message: "A node runs only as the child of its gate.",
      next: "Start everything with: npm start",
    });
  }
  return new Promise((resolve) => {
    process.on("message", (message: GateMessage) => {
      if (message.type === "gate") resolve(message);
    });
  });
}

function required<T>(value: T | null, variable: string): T {
  if (value !== null) return value;
  throw new HoldfastError({
    code: "CONFIG_INVALID",
    message: `${variable} is not set.`,
    next: "Set it, or start everything with: npm start",
  });
}

async function runNode(config: Config, gateIs: Introduction): Promise<void> {
  const log = createLogger(config.logLevel, "node");
  const clock = createSystemClock();
  const metrics = createMetrics(lifecycleStateNames());
  const database = openDatabase(required(config.databaseUrl, "HOLDFAST_DATABASE_URL"));
  const keys = createNodeKeys(config, database, gateIs.host, () => fleet.members.serving());
  await keys.check();
  const nats = await connectNats(
    required(config.natsUrl, "HOLDFAST_NATS_URL"),
    `node ${gateIs.host}`,
  );
  const gate: GateClient = await connectGate({ ...gateIs, onLost: () => process.exit(1) });

  const bus = createFleetBus(nats, {
    fenceTimeoutMs: config.timings.answerMs + fenceAnswerMs,
  });

  const events = createNodeEvents({
    nats,
    log,
    clock,
    metrics,
    ways: config.notices,
    onAuthorised: () => bus.tell({ type: "accounts" }),
    onActive: () => triggers.look(),
  });
  const accounts = createAccountStore(database, keys.sealer);
  const tokens = createTokenStore(database);
  const custody = createCustodyStore(database);
  let given = false;
  const fleet = await joinFleet({
    nats,
    bus,
    store: custody,
    tokens,
    gate,
    clock,
    config,
    log,
    onEnd: (why) => tell({ type: "end", why }),
    onAway(away) {
      // A fresh process finds the database as it is; until then nothing is held.
      if (!away) process.exit(1);
      given = true;
      tell({ type: "let-go", why: "Postgres is away, and other hosts may reach it" });
    },
  });
  const stream = await openInboundStream(nats, { host: gateIs.host, era: fleet.era });
  const drivers = createTelegramDrivers({
    apiId: config.telegram?.apiId ?? simulatedApiId,
    apiHash: config.telegram?.apiHash ?? simulatedApiHash,
    dataCentre: config.telegramDc,
  });
  /** Loads what an account may need before the account comes here, as loading one takes long. */
  const warmDrivers = (all: readonly AccountRecord[]) =>
    Promise.all([...new Set(all.map(({ driver }) => driver))].map((name) => drivers.of(name)));
  let callsAllowed = true;
  const identity = isHostIdentity(gateIs.identity) ? gateIs.identity : null;
  const parts = {
    accounts,
    tokens,
    claims: fleet.claims,
    gate,
    drivers,
    clock,
    mayCall: () => callsAllowed,
    events,
    stream,
    cursors: createCursorStore(database),
    outbox: createOutboxStore(database),
    desk: createReplyDesk(),
    onReply: metrics.conversations.reply,
    onFloodWait: metrics.flood,
  };
  const host = createHost({
    accounts,
    tokens,
    custody,
    gate,
    takeover: fleet.takeover,
    proof: { pid: process.ppid, gate: gateIs.path, ...identity, node: ownIdentity() },
    proveSilence: (of) =>
      proveSilence({
        own: identity,
        recorded: of.proof,
        connections: () => connectionsIn(join(config.home, "journal"), of.id, hostKey(of.host)),
        withinMs: config.timings.takeMs,
      }),
    onWait: (incarnation) =>
      log.warn(
        { incarnation },
        "an earlier gate of this host ended without release; its tokens rest until it can do nothing any more",
      ),
    onChanged: (changed) => void warmDrivers(changed),
    makeAccount: (record) => makeAccount(parts, config, record),
    onBegun: (account) => serveAccount(account),
    makeCustodian: fleet.makeCustodian,
  });

  const triggers = createRenewalTriggers({
    accounts,
    clock,
    schedule: config.renewals,
    serving: () => host.all().filter(({ runtime }) => runtime.state === "active"),
    onFault: (error) => log.warn(errorLine(error)),
  });
  const bot = await nodeBot(config, (line) => log.info(line));
  const conversations = createGroupedConversationStore(database);
  const records = createConversationRecords(database);
  const { webhook: webhookConfig } = config;
  const webhook =
    webhookConfig === null
      ? null
      : createNodeWebhook({
          config: webhookConfig,
          stream,
          replies: createPartitionReplies(database),
          outbox: parts.outbox,
          clock,
          events,
          log,
          onRequest: metrics.conversations.webhookRequest,
          onReply: metrics.conversations.reply,
        });
  const turns = createNodeTurns({
    bot,
    webhook,
    media: createMediaReader({
      invoke: createAccountCaller(nats),
      fetchUrl: (url, bytesMax) => fetchFile(url, bytesMax, webhookConfig?.mediaAuth ?? null),
    }),
    ...parts,
    host,
    members: fleet.members,
    bus,
    store: conversations,
    steps: createStepStore(database),
    records,
    metrics: metrics.conversations,
    log,
    retryMs: config.timings.retryMs,
  });
  const shipJournal = createLedgerShipping({
    store: createLedgerStore(database),
    journal: gate.journal,
    onFault: (error) => log.warn(errorLine(error)),
  });
  fleet.members.onOwnBeat(() => void shipJournal());
  // What news did not tell: replies that nobody has begun to send, or whose claim got lost.
  let sweptMs = 0;
  fleet.members.onOwnBeat(() => {
    if (clock.monotonicMs() - sweptMs < config.timings.suspectMs) return;
    sweptMs = clock.monotonicMs();
    parts.outbox.waitingAmong(host.all().map(({ name }) => name)).then(
      (waiting) => {
        for (const { account, stranded } of waiting) host.find(account)?.notifyOutbox(stranded);
      },
      () => undefined,
    );
  });

  const commands = createCommands({
    host,
    hostName: gate.host,
    accounts,
    fleet: createFleetCommands({
      incarnation: gate.incarnation,
      accounts,
      custody,
      force: { tokens, store: custody, bus, takeover: fleet.takeover },
    }),
    belongsElsewhere(account) {
      const place = placeOf(account, fleet.members.serving());
      return place !== null && place !== hostKey(gate.host);
    },
    conversations: createConversationCommands({ records, store: conversations, stream }),
    tellAdded: () => bus.tell({ type: "accounts" }),
    newId: randomUUID,
    now: () => clock.now(),
    makeSession: sessionOfKey,
    nodeVerbs: keys.verbs,
  });
  const commandServer = serveCommands(nats, commands);
  const serveAccount = ({ name }: Account) => commandServer.serveAccount(name);
  const http = await startHttpServer({
    ...config.http,
    port: gateIs.httpPort,
    metricsType: metrics.contentType,
    metrics: metrics.render,
    status: () => commands.fleet("status", {}),
    unready: () => {
      const ill = host.all().filter(({ runtime }) => unwellStates.has(runtime.state));
      if (given) return "Postgres is away; everything is given up until it is back";
      if (!begun) return "starting: accounts are not taken up yet";
      return ill.length === 0
        ? null
        : ill.map(({ name, runtime }) => `${name} is ${runtime.state}`).join(", ");
    },
  });
  let gateFigures: Readonly<Record<string, number>> = {};
  metrics.gate(() => {
    void gate.figures().then(
      (figures) => (gateFigures = figures),
      () => undefined,
    );
    return gateFigures;
  });

  let begun = false;
  async function stop(): Promise<void> {
    commandServer.stop();
    triggers.stop();
    tell({ type: "serving", serving: false });
    await webhook?.stop();
    await turns.stop();
    await host.stop();
    await shipJournal();
    await http.close();
    fleet.stop();
    await nats.drain();
    await database.close();
    gate.close();
    process.exit(0);
  }
  process.on("message", (message: GateMessage) => {
    if (message.type === "ping") tell({ type: "alive" });
    if (message.type === "calls") {
      callsAllowed = message.allowed;
      if (callsAllowed) for (const account of host.all()) account.notifyOutbox();
    }
    if (message.type === "stop") void stop();
  });
  process.once("disconnect", () => process.exit(1));

  tell({ type: "ready", http: http.url });
  await host.register();
  fleet.startBeats();
  await Promise.all([host.inherit(), accounts.list().then(warmDrivers)]);
  tell({ type: "serving", serving: true });
  await fleet.untilServing();
  await host.start();
  begun = true;
  await turns.start();
  webhook?.listen();
  log.info({ http: http.url }, "serving");
}

process.on("SIGINT", () => undefined);
await introduction()
  .then((gateIs) => runNode(readConfig(process.env), gateIs))
  .catch((error: unknown) => {
    const message = errorLine(error);
    process.stderr.write(`holdfast node: ${message}\n`);
    tell({ type: "failed", message });
    setImmediate(() => process.exit(1));
  });
