import { type ChildProcess, spawn, spawnSync, type StdioOptions } from "node:child_process";
import { EventEmitter } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { HoldfastError } from "../errors.ts";
import { startTimeOf } from "../adapters/machine/process-identity.ts";
import {
  clearRecord,
  type ProcessRecord,
  type StopSignal,
  writeRecord,
} from "./process-records.ts";
import { openLogFile } from "./log-files.ts";

export interface LaunchOptions {
  readonly home: string;
  /** Names the record and the log file. At most one process of a name runs at a time. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Default: no input; output and errors are read line by line. */
  readonly stdio?: StdioOptions;
  /** Default SIGTERM. */
  readonly stopSignal?: StopSignal;
  /** The process is killed after this. Default 10,000 ms. */
  readonly stopMsMax?: number;
  /** Temporary directories, removed when the process has ended. */
  readonly dirs?: readonly string[];
  /** Lets the kernel end the process with its parent, where it can (Linux). */
  readonly endsWithParent?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process with its identity on disk from its start to its end. */
export interface Managed {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process has ended, for any reason. */
  readonly exited: Promise<Exit>;
  /** The last lines of output, oldest first. */
  lastLines(): readonly string[];
  /**
   * Resolves with the first matching line, past or future; with null when the process ends or
   * `timeoutMs` passes first.
   */
  line(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray | null>;
  addPorts(ports: readonly number[]): void;
  /** Idempotent. Resolves when the process has ended. */
  stop(): Promise<Exit>;
}

const lastLinesMax = 200;

/**
 * util-linux's setpriv asks the kernel for a signal at the parent's death (prctl(2),
 * PR_SET_PDEATHSIG).
 */
function withParentDeathSignal(
  command: string,
  args: readonly string[],
  signalName: NodeJS.Signals,
): { command: string; args: readonly string[] } {
  const death = ["--pdeathsig", signalName.replace("SIG", "")];
  const can = process.platform === "linux" && spawnSync("setpriv", [...death, "true"]).status === 0;
  return can ? { command: "setpriv", args: [...death, "--", command, ...args] } : { command, args };
}

function collectLines(child: ChildProcess, folder: string, name: string) {
  const lines: string[] = [];
  const events = new EventEmitter();
  const file = openLogFile(folder, name);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
      lines.push(line);
      if (lines.length > lastLinesMax) lines.shift();
      file.write(line);
      events.emit("line", line);
    });
  }
  return { lines, events, close: file.close };
}

function waitForLine(
  { lines, events }: { lines: readonly string[]; events: EventEmitter },
  { pattern, timeoutMs, exited }: { pattern: RegExp; timeoutMs: number; exited: Promise<Exit> },
): Promise<RegExpMatchArray | null> {
  for (const line of lines) {
    const match = line.match(pattern);
    if (match !== null) return Promise.resolve(match);
  }
  return new Promise((resolve) => {
    const settle = (match: RegExpMatchArray | null) => {
      clearTimeout(timer);
      events.off("line", onLine);
      resolve(match);
    };
    const onLine = (line: string) => {
      const match = line.match(pattern);
      if (match !== null) settle(match);
    };
    const timer = setTimeout(() => settle(null), timeoutMs);
    events.on("line", onLine);
    void exited.then(() => settle(null));
  });
}

const lastLinesWithinMs = 500;

/**
 * Waits for the end of the output, as the last lines give the reason of the exit. The wait is
 * short: a grandchild may keep the output open.
 */
function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      const settle = () => {
        clearTimeout(timer);
        resolve({ code, signal });
      };
      const timer = setTimeout(settle, lastLinesWithinMs);
      child.once("close", settle);
    });
  });
}

function spawnFailed(name: string, command: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "PROCESS_NOT_STARTED",
    message: `${name} could not be started (${command}).`,
    next: "Check that the file exists and may be executed, then start again.",
    cause,
  });
}

function stopper(child: ChildProcess, exited: Promise<Exit>, options: LaunchOptions) {
  const { stopSignal = "SIGTERM", stopMsMax = 10_000 } = options;
  let stopping: Promise<Exit> | undefined;
  return () => {
    stopping ??= (async () => {
      child.kill(stopSignal);
      const kill = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
      const exit = await exited;
      clearTimeout(kill);
      return exit;
    })();
    return stopping;
  };
}

/** Starts a child process and records it in the home. Throws PROCESS_NOT_STARTED. */
export async function launch(options: LaunchOptions): Promise<Managed> {
  const { home, name, stopSignal = "SIGTERM" } = options;
  const { command, args } = options.endsWithParent
    ? withParentDeathSignal(options.command, options.args, stopSignal)
    : options;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    uid: options.uid,
    gid: options.gid,
    // A process group of its own: Ctrl-C must reach the launcher alone, which stops the rest in
    // order.
    detached: true,
    stdio: options.stdio ?? ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) {
    const [cause]: unknown[] = await new Promise((resolve) =>
      child.once("error", (error) => resolve([error])),
    );
    throw spawnFailed(name, options.command, cause);
  }
  let record: ProcessRecord = {
    name,
    pid,
    startTime: startTimeOf(pid) ?? "ended",
    stopSignal,
    ports: [],
    dirs: options.dirs ?? [],
  };
  writeRecord(home, record);
  child.on("error", () => {});
  const output = collectLines(child, join(home, "logs"), name);
  const exited = exitOf(child).then((exit) => {
    output.close();
    clearRecord(home, record);
    return exit;
  });
  return {
    name,
    pid,
    child,
    exited,
    lastLines: () => output.lines,
    line: (pattern, timeoutMs) => waitForLine(output, { pattern, timeoutMs, exited }),
    addPorts: (ports) => {
      record = { ...record, ports: [...record.ports, ...ports] };
      writeRecord(home, record);
    },
    stop: stopper(child, exited, options),
  };
}
