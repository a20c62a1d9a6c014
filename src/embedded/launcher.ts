import { rmSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "../adapters/postgres/migrate.ts";
import type { RunInfo } from "../cli/run-info.ts";
import type { Config } from "../config/config.ts";
import { readConfig } from "../config/config.ts";
import { HoldfastError } from "../errors.ts";
import { keepGate } from "./gate-keeper.ts";
import { openHome } from "./home.ts";
import { masterKeyFile } from "./master-key.ts";
import type { Parts } from "./parts.ts";
import { startParts } from "./parts.ts";
import type { Log } from "./process-records.ts";
import { writeFileAtomically } from "./process-records.ts";

export interface EmbeddedOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Default: as `env` says. */
  readonly home?: string;
  readonly log: Log;
  /** Ends a start that is under way: everything begun is stopped, and the start throws START_STOPPED. */
  readonly signal?: AbortSignal;
  /** Adds accounts to play with; called once everything serves, for the simulated Telegram only. */
  readonly provision?: (of: {
    readonly natsUrl: string;
    readonly controlUrl: string;
  }) => Promise<void>;
  /** Arguments of `process.execPath` in place of the gate; for tests of the launcher alone. */
  readonly gateProgram?: readonly string[];
  readonly now?: () => Date;
}

/** Everything that a host needs, running. */
export interface Running {
  /** As in run.json, at this moment. */
  readonly run: RunInfo;
  /** Resolves when a part has died that cannot be replaced. `stop` is still to be called. */
  readonly failed: Promise<HoldfastError>;
  /** SIGKILL to the node; the gate starts another. Returns the process number that was killed. */
  killNode(): number;
  /** Resolves with the next node's process number. */
  nextNode(): Promise<number>;
  /** In order, bounded. Idempotent. Afterwards no process, socket or temporary file is left. */
  stop(): Promise<void>;
}

/** Beyond the gate's own bounds: it still has to release its lease and to exit. */
const gateStopSlackMs = 5_000;

function gateEnvironment(options: EmbeddedOptions, config: Config, parts: Parts) {
  const keyFile = masterKeyFile(config);
  return {
    ...options.env,
    HOLDFAST_HOME: config.home,
    HOLDFAST_DATABASE_URL: parts.databaseUrl,
    HOLDFAST_NATS_URL: parts.natsUrl,
    ...(keyFile === null ? {} : { HOLDFAST_MASTER_KEY_FILE: keyFile }),
    ...(parts.telegramDc === null
      ? {}
      : { HOLDFAST_TELEGRAM_DC: JSON.stringify(parts.telegramDc.dataCentre) }),
  };
}

function telegramAddress(config: Config, parts: Parts): string {
  const dataCentre = parts.telegramDc?.dataCentre ?? config.telegramDc;
  return dataCentre === null ? "telegram" : `${dataCentre.host}:${dataCentre.port}`;
}

/** The database's URL as anybody may see it. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^:/@]*):[^@]*@/, "$1:***@");
}

function refuseIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new HoldfastError({ code: "START_STOPPED", message: "The start was stopped." });
}

/** The pieces that a start has put in place, undone in reverse order, each once. */
function undoStack() {
  const undo: (() => Promise<void> | void)[] = [];
  return {
    add: (step: () => Promise<void> | void) => void undo.push(step),
    run: async () => {
      for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
    },
  };
}

interface State {
  run: RunInfo;
  readonly nodeWaiters: ((pid: number) => void)[];
}

/**
 * Starts what the environment does not name (PostgreSQL, nats-server, a simulated Telegram), brings the
 * schema up to date, and starts the gate with its node. Writes `run.json` into the home while it runs.
 * Throws a `HoldfastError` with one line; nothing is then left behind.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Running> {
  const { log, signal, now = () => new Date() } = options;
  const env = options.home === undefined ? options.env : { ...options.env, HOLDFAST_HOME: options.home };
  const config = readConfig(env);
  const undo = undoStack();
  const failed = Promise.withResolvers
  try {
    return await start();
  } catch (error) {
    await undo.run();
    throw error;
  }
}
