import { consoleTokenFile, openTokenFile } from "../adapters/http/token-file.ts";
import { createCommandSealing } from "../adapters/crypto/sealed-commands.ts";
import { serveCommands } from "../adapters/nats/command-server.ts";
import { createFigureVerb } from "../commands/health-verbs.ts";
import { requireNoSecret, withoutPhones } from "../commands/secret-fields.ts";
import { orAborted } from "../concurrency/or-aborted.ts";
import { createLedgerShipping } from "../custody/ledger-shipping.ts";
import { createRetentionJob } from "../conversation/retention/job.ts";
import { createRenewalTriggers } from "../accounts/scheduled-renewals.ts";
import { type CallPermit, createCallPermit } from "./call-permit.ts";
import { createBotFaults } from "./bot-faults.ts";
import { createNodeBots } from "./bots.ts";
import { createNodeCommands } from "./commands.ts";
import { createNodeConversations } from "./conversations.ts";
import { createNodeDoor, throughDoor } from "./door.ts";
import { serveFigures } from "./figures.ts";
import { rehearseHandover } from "../accounts/rehearsal.ts";
import { createNodeHost } from "./host.ts";
import { createIdleMemory, openHeap } from "./idle-memory.ts";
import { leave } from "./leaving.ts";
import { type NodeOptions, type OpenNode, openNode } from "./open.ts";
import { type Staged, type StartStage, startInStages } from "./stages.ts";
import { sweepStrandedReplies } from "./stranded-replies.ts";

export interface RunningNode extends Staged {
  /** Whether calls to Telegram may begin, as the gate says. */
  allowCalls(allowed: boolean): void;
}

/**
 * Starts one node, stage by stage; its stop is the same list backwards.
 * @param onFailed called when it cannot start, before the started stages are stopped
 */
export function startNode(options: NodeOptions, onFailed: (error: unknown) => void): RunningNode {
  const permit = createCallPermit();
  const staged = startInStages(
    async (stage) => {
      const open = await openNode(stage, options);
      await serve(stage, open, await prepare(stage, open, permit));
    },
    (error) => {
      options.tell({ type: "serving", serving: false });
      onFailed(error);
    },
  );
  return { ...staged, allowCalls: permit.allow };
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** Puts the accounts together, and shows how they are. None runs yet. */
async function prepare(stage: StartStage, open: OpenNode, permit: CallPermit) {
  const { config, gateIs, gate, fleet, stores, metrics, readiness } = open;
  const { host, drivers, warmUp } = createNodeHost({ ...open, mayCall: permit.mayCall });
  permit.onAllowed(() => {
    for (const account of host.all()) account.notifyOutbox();
  });
  const nodeVerbs = {
    ...open.keys.verbs(gate.host, fleet.members.serving),
    ...createFigureVerb({
      host: gate.host,
      sinceMs: open.clock.now(),
      figures: metrics.figures,
      gateFigures: gate.figures,
    }),
  };
  const retention = createRetentionJob({
    store: stores.retention,
    policy: config.retention,
    runner: gateIs.incarnation,
    clock: open.clock,
    figures: metrics.retention,
    onFault: open.onFault,
  });
  const commands = createNodeCommands({ ...open, host, drivers, retention, nodeVerbs });
  const http = await stage({
    name: "figures",
    start: () =>
      serveFigures({
        http: config.http,
        port: gateIs.httpPort,
        names: [config.host, ...config.http.names],
        token: openTokenFile(consoleTokenFile(config.home)),
        metrics,
        status: commands.status,
        unready: readiness.unready,
      }),
    stop: (server) => server.close(),
  });
  await stage({
    name: "journal",
    start() {
      const store = stores.ledger;
      const ship = createLedgerShipping({
        store,
        journal: gate.journal,
        onFault: open.onFault,
      });
      fleet.members.onOwnBeat(() => void ship());
      return ship;
    },
    stop: (ship) => ship(),
  });
  const door = await stage({
    name: "door",
    start: () => createNodeDoor(open),
    // What the accounts have answered until their end is recorded.
    stop: (one) => one.settled(),
  });
  await stage({
    name: "accounts",
    start: () => host,
    // A node that could not start is started again by its gate, under the same incarnation.
    stop: (one, { failed }) => one.stop({ goesOn: failed }),
  });
  return { host, warmUp, commands, door, retention, http: http.url };
}

/** Takes accounts and turns. The gate hears that this node is ready once it can be asked, before it takes any. */
async function serve(stage: StartStage, open: OpenNode, prepared: Prepared): Promise<void> {
  const { config, tell, fleet, stores, nats, log, clock } = open;
  const { host, warmUp, commands, door, retention, http } = prepared;
  const show = (line: string): void => {
    log.warn(line);
    tell({ type: "shown", line });
  };
  const botFaults = createBotFaults(clock, show);
  const bots = await stage({
    name: "bots",
    start: () =>
      createNodeBots({
        config,
        clock,
        find: (account) => host.known(account),
        tell: (line) => log.info(line),
        show,
        faults: botFaults,
      }),
    stop: (all) => all.close(),
  });
  const { turns, webhook, escalations, ...conversations } = createNodeConversations(open, host, {
    bots,
    botFaults,
  });
  await stage({
    name: "turns",
    start: () => turns,
    stop: (one) =>
      leave({
        host,
        finishTurns: one.stop,
        clock,
        // The gate ends a node that takes longer than this and a margin.
        turnsMsMax: config.timings.drainMs + config.timings.disconnectMs,
      }),
  });
  await stage({ name: "notices", start: () => escalations, stop: (one) => one.stop() });
  await stage({ name: "webhook", start: () => webhook, stop: (one) => one?.stop() });
  const sweep = sweepStrandedReplies({
    outbox: stores.outbox,
    host,
    clock,
    everyMs: config.timings.suspectMs,
  });
  fleet.members.onOwnBeat(() => void sweep());
  fleet.members.onOwnBeat(() => void conversations.tellUndeliverable());
  fleet.members.onOwnBeat(() => escalations.tick());
  fleet.members.onOwnBeat(createIdleMemory(clock, openHeap()).look);
  await stage({
    name: "scheduled renewals",
    start() {
      const triggers = createRenewalTriggers({
        accounts: stores.accounts,
        events: open.events,
        clock,
        schedule: config.renewals,
        serving: () => host.all().filter(({ runtime }) => runtime.state === "active"),
        onFault: open.onFault,
      });
      open.events.onActive(triggers.look);
      return triggers;
    },
    stop: (triggers) => triggers.stop(),
  });
  const commandServer = await stage({
    name: "commands",
    start: () =>
      serveCommands(
        nats,
        throughDoor(commands, door),
        createCommandSealing(open.sealKey, { request: requireNoSecret, reply: withoutPhones }),
      ),
    stop: (server) => server.stop(),
  });

  tell({ type: "ready", http });
  await stage({
    name: "serving",
    start: (signal) =>
      host.bringUp({
        part: fleet,
        tellServing: () => tell({ type: "serving", serving: true }),
        onBegun: ({ name }) => commandServer.serveAccount(name),
        prepare: async () => {
          await Promise.all([warmUp(), open.databases.warm()]);
          await rehearseHandover({ ...stores, connections: open.databases.sizes }, clock);
        },
        signal,
      }),
    stop: () => tell({ type: "serving", serving: false }),
  });
  open.readiness.begun();
  await stage({
    name: "inbound",
    async start(signal) {
      await orAborted(turns.start(), signal);
      if (!signal.aborted) webhook?.listen();
    },
  });
  await stage({ name: "retention", start: () => retention.start(), stop: () => retention.stop() });
  log.info({ http }, "serving");
}
