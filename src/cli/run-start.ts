import { takeEnvironment } from "../config/secrets.ts";
import type { RunInfo } from "../embedded/run-info.ts";
import type { Running } from "../embedded/launcher.ts";
import { startEmbedded } from "../embedded/launcher.ts";
import { provisionExampleAccounts } from "../embedded/provision.ts";
import { printable } from "../adapters/nats/access.ts";
import { HoldfastError, lastWord } from "../errors.ts";
import { withoutPassword } from "./database-address.ts";
import { print, printError } from "./print.ts";

const tell = (line: string): void => printError(`holdfast: ${line}`);

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A password in a URL is for run.json, which only its owner reads, not for a terminal or a log. */
function readyLine(run: RunInfo): string {
  const { metrics, console, nats, database, telegram, telegramControl } = run;
  const fields = {
    metrics,
    console,
    nats: printable(nats),
    database: withoutPassword(database).address,
    telegram,
    telegramControl: telegramControl ?? "none",
  };
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  return `holdfast ready ${pairs.join(" ")}`;
}

const npmLookMs = 1_000;

/**
 * Calls back once when the `npm start` of this package has ended: a killed npm passes no signal on. Polls, as no event
 * reports the end of a parent. Answers what stops it.
 */
function whenNpmIsGone(env: NodeJS.ProcessEnv, onGone: () => void): () => void {
  const isOwnScript =
    env["npm_package_name"] === "holdfast" && env["npm_lifecycle_event"] === "start";
  if (!isOwnScript) return () => {};
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    onGone();
  }, npmLookMs).unref();
  return () => clearInterval(timer);
}

/** Resolves at the first signal; later ones change nothing, because a stop is bounded anyway. */
function untilSignalled(): {
  readonly signal: AbortSignal;
  readonly signalled: Promise<void>;
  release(): void;
} {
  const controller = new AbortController();
  const onSignal = () => {
    tell(controller.signal.aborted ? "still stopping" : "stopping");
    controller.abort();
  };
  for (const name of stopSignals) process.on(name, onSignal);
  const forgetNpm = whenNpmIsGone(process.env, onSignal);
  return {
    signal: controller.signal,
    signalled: new Promise((resolve) => {
      controller.signal.addEventListener("abort", () => resolve(), { once: true });
    }),
    release: () => {
      for (const name of stopSignals) process.off(name, onSignal);
      forgetNpm();
    },
  };
}

const endedStart = {
  what: "The start failed, and nothing is left running",
  next: "Read the end of logs/gate.log in the home, and start again: npm start",
};

/** Starts everything, serves until a signal, stops. Resolves with the exit code. */
export async function runStart(): Promise<number> {
  const stopping = untilSignalled();
  const { signal, signalled } = stopping;
  let running: Running | undefined;
  try {
    tell("starting");
    running = await startEmbedded({
      env: takeEnvironment(process.env),
      log: tell,
      signal,
      provision: provisionExampleAccounts,
    });
    print(readyLine(running.run()));
    const failure = await Promise.race([running.failed, signalled]);
    if (failure !== undefined) tell(failure.line);
    await running.stop();
    return failure === undefined ? 0 : 1;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "START_STOPPED") return 0;
    tell(lastWord(error, endedStart).line);
    return 1;
  } finally {
    stopping.release();
  }
}
