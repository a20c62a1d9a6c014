import { EventEmitter, once } from "node:events";
import { consoleTokenFile, openTokenFile } from "../adapters/http/token-file.ts";
import { migrate } from "../adapters/postgres/migrate.ts";
import { toldPatience } from "../adapters/postgres/schema-locks.ts";
import type { RunInfo } from "./run-info.ts";
import type { Config } from "../config/config.ts";
import { readConfig } from "../config/config.ts";
import type { NatsAccess } from "../config/nats-access.ts";
import { HoldfastError } from "../errors.ts";
import { type ControlAccess, controlOf } from "./control-api.ts";
import { type GateKeeper, keepGate } from "./gate-keeper.ts";
import type { GateReady } from "./gate-process.ts";
import { type OpenHome, openHome } from "./home.ts";
import { refuseCopiedHome, settleHomeFleet } from "./home-fleet.ts";
import { masterKeyFile } from "./master-key.ts";
import { type Parts, startParts } from "./parts.ts";
import type { Log } from "./process-records.ts";
import { createRunFile } from "./run-file.ts";
import { startSentinel } from "./sentinel.ts";
import { speakersEnvironment } from "./speakers.ts";
import { pinOwnSealKey } from "./own-seal-key.ts";
import { openFilesMost, requireOpenFiles } from "./open-files.ts";
import { untilReady } from "./readiness.ts";

export interface EmbeddedOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Default: as `env` says. */
  readonly home?: string;
  readonly log: Log;
  /**
   * Aborts a start that is under way: the started parts are stopped, and START_STOPPED is thrown.
   */
  readonly signal?: AbortSignal;
  /** Adds example accounts; called once everything serves, with the embedded Telegram only. */
  readonly provision?: (of: {
    readonly nats: NatsAccess;
    readonly control: ControlAccess;
    readonly sealKey: string | null;
  }) => Promise<void>;
  /** Arguments of `process.execPath` in place of the gate's; for tests of the launcher alone. */
  readonly gateProgram?: readonly string[];
  readonly now?: () => Date;
}

/** Everything that a host needs, running. */
export interface Running {
  /** As in run.json, at this moment. */
  run(): RunInfo;
  /** Resolves when an irreplaceable part has died; the caller must still call `stop`. */
  readonly failed: Promise<HoldfastError>;
  /** SIGKILL to the node; the gate starts another. Returns the process number. */
  killNode(): number;
  /** Resolves with the process number of the next node, once it has started. */
  nextNode(): Promise<number>;
  /**
   * Stops in order, within bounds. Idempotent. Afterwards no process, socket or temporary file is
   * left.
   */
  stop(): Promise<void>;
}

/** Longer than the gate's own bounds, so that it can still release its lease and exit. */
const gateStopSlackMs = 5_000;

const operatorCreds = ({ natsCreds, natsIdentity }: Config, { nats }: Parts): string | null =>
  nats?.credsFile("operator") ?? natsCreds.operator ?? natsIdentity.credsFile;

/** With the embedded server: the gate's own credentials, and the file that the gate gives to its node. */
function natsCredentials({ nats }: Parts): NodeJS.ProcessEnv {
  if (nats === null) return {};
  return {
    HOLDFAST_NATS_CREDS: nats.credsFile("gate"),
    HOLDFAST_NATS_NODE_CREDS: nats.credsFile("node"),
  };
}

function gateEnvironment(env: NodeJS.ProcessEnv, config: Config, parts: Parts): NodeJS.ProcessEnv {
  const keyFile = masterKeyFile(config);
  const dataCentre = parts.telegramDc?.dataCentre;
  return {
    ...env,
    HOLDFAST_HOME: config.home,
    ...(config.bot === null ? {} : { HOLDFAST_BOT: config.bot }),
    HOLDFAST_DATABASE_URL: parts.databaseUrl,
    // Said aloud: beside named servers, an unset profile is refused.
    HOLDFAST_PROFILE: config.profile,
    HOLDFAST_NATS_URL: parts.natsUrl,
    ...natsCredentials(parts),
    ...speakersEnvironment(config, parts),
    ...(keyFile === null ? {} : { HOLDFAST_MASTER_KEY_FILE: keyFile }),
    ...(dataCentre === undefined ? {} : { HOLDFAST_TELEGRAM_DC: JSON.stringify(dataCentre) }),
  };
}

function runInfo(
  config: Config,
  parts: Parts,
  { http, pids }: GateReady,
  sentinel: number,
): RunInfo {
  const dataCentre = parts.telegramDc?.dataCentre ?? config.telegramDc;
  return {
    metrics: `${http}/metrics`,
    console: `${http}/`,
    nats: parts.natsUrl,
    natsCreds: operatorCreds(config, parts),
    database: parts.databaseUrl,
    telegram: dataCentre === null ? "telegram" : `${dataCentre.host}:${dataCentre.port}`,
    telegramControl: parts.telegramDc?.controlUrl ?? null,
    telegramControlToken: parts.telegramDc?.controlToken ?? null,
    consoleToken: openTokenFile(consoleTokenFile(config.home)),
    pids: { launcher: process.pid, sentinel, ...parts.pids, ...pids },
  };
}

function refuseIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new HoldfastError({
    code: "START_STOPPED",
    message: "The start was stopped.",
    next: "Start again: npm start",
  });
}

/** The promise's outcome, or START_STOPPED as soon as the signal fires. */
async function unlessStopped<Value>(
  signal: AbortSignal | undefined,
  promise: Promise<Value>,
): Promise<Value> {
  if (signal === undefined) return promise;
  const done = new AbortController();
  const stopped = once(signal, "abort", { signal: done.signal });
  // When the promise wins, the wait for the signal is aborted, and so rejects.
  stopped.catch(() => {});
  try {
    await Promise.race([promise, stopped]);
    refuseIfStopped(signal);
    return await promise;
  } finally {
    done.abort();
  }
}

/** Steps that undo a start: the last first, each once. */
function undoSteps() {
  const steps: (() => Promise<void> | void)[] = [];
  let running: Promise<void> | undefined;
  const runAll = async () => {
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
  };
  return {
    add: (step: () => Promise<void> | void) => void steps.push(step),
    run: () => (running ??= runAll()),
  };
}

/**
 * Starts the parts that the environment does not name (PostgreSQL, nats-server, a simulated
 * Telegram), migrates the schema, and starts the gate with its node. While it runs, `run.json` in
 * the home gives the addresses. Throws a `HoldfastError` with one line, or a `ConfigError`; then
 * nothing runs and nothing is left.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Running> {
  const { home, log, signal, now = () => new Date() } = options;
  requireOpenFiles(openFilesMost());
  const env = home === undefined ? options.env : { ...options.env, HOLDFAST_HOME: home };
  const config = readConfig(env);
  const undo = undoSteps();
  try {
    const held = await openHome(config.home, { log, now });
    undo.add(() => held.release());
    return await startIn(held, { ...options, env }, config, undo);
  } catch (error) {
    await undo.run();
    refuseIfStopped(signal);
    throw error;
  }
}

async function startIn(
  held: OpenHome,
  options: EmbeddedOptions,
  config: Config,
  undo: ReturnType<typeof undoSteps>,
): Promise<Running> {
  const { env, log, signal } = options;
  // Before any data exist: a key younger than the data could not read them.
  masterKeyFile(config);
  const ownsDatabase = config.databaseUrl === null;
  const homeRecord = ownsDatabase ? refuseCopiedHome(held.path) : null;
  const sentinel = await startSentinel(config.home);
  undo.add(async () => void (await sentinel.stop()));
  const parts = await startParts(config, { env, log });
  undo.add(() => parts.stop());
  refuseIfStopped(signal);
  const { applied } = await migrate(parts.ownerUrl, { patience: toldPatience(log) });
  if (applied.length > 0) log(`the schema is up to date (${applied.length} migrations applied)`);
  if (ownsDatabase)
    await settleHomeFleet(homeRecord, {
      home: held.path,
      databaseUrl: parts.ownerUrl,
      alone: config.natsUrl === null,
      times: config.timings,
    });
  refuseIfStopped(signal);

  const runFile = createRunFile(held.path);
  undo.add(() => runFile.remove());
  const lost = new EventEmitter<{ gate: [HoldfastError] }>();
  const gateLost = new Promise<HoldfastError>((resolve) => {
    lost.once("gate", resolve);
  });
  let nodeWaiters: ((pid: number) => void)[] = [];
  const noteNode = (pid: number) => {
    runFile.setPids({ node: pid });
    for (const tell of nodeWaiters.splice(0)) tell(pid);
  };
  const keeper: GateKeeper = await keepGate({
    home: held.path,
    env: gateEnvironment(env, config, parts),
    stopMsMax: config.timings.drainMs + config.timings.disconnectMs + gateStopSlackMs,
    log,
    ...(options.gateProgram === undefined ? {} : { program: options.gateProgram }),
    ...(signal === undefined ? {} : { signal }),
    onNode: noteNode,
    onReplaced: ({ pids }) => {
      runFile.setPids({ gate: pids.gate });
      noteNode(pids.node);
    },
    onGivenUp: (error) => lost.emit("gate", error),
  });
  undo.add(() => keeper.stop());
  const sealKey = await pinOwnSealKey(held.path, parts.databaseUrl);
  runFile.write(runInfo(config, parts, keeper.ready, sentinel.pid));
  await unlessStopped(signal, untilReady(keeper.ready.http, log, signal));
  const control = controlOf(runFile.current());
  if (control !== null && options.provision !== undefined)
    await unlessStopped(
      signal,
      options.provision({
        nats: {
          ...config.natsIdentity,
          credsFile: operatorCreds(config, parts),
          url: parts.natsUrl,
        },
        control,
        sealKey,
      }),
    );
  refuseIfStopped(signal);
  return {
    run: () => runFile.current(),
    failed: Promise.race([parts.died, gateLost]),
    killNode: () => {
      const { node } = runFile.current().pids;
      if (node !== undefined) process.kill(node, "SIGKILL");
      return node ?? 0;
    },
    nextNode: () =>
      new Promise((resolve) => {
        nodeWaiters = [...nodeWaiters, resolve];
      }),
    stop: () => undo.run(),
  };
}
