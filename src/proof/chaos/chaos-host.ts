import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NetConnectOpts } from "node:net";
import { type GateKeeper, keepGate } from "../../embedded/gate-keeper.ts";
import { openHome } from "../../embedded/home.ts";
import { createProxy, type Proxy } from "./proxy.ts";

export type Signal = "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM";

const shiftedClock = new URL("./shifted-clock.mjs", import.meta.url).href;

/** A host of the fleet: a real gate and a real node, each with its own ways to the servers. */
export interface ChaosHost {
  readonly name: string;
  readonly links: { readonly nats: Proxy; readonly postgres: Proxy; readonly telegram: Proxy };
  readonly pids: { readonly gate: number; readonly node: number };
  /** Gates started so far. */
  readonly gatesStarted: number;
  readonly isUp: boolean;
  signal(to: "gate" | "node", signal: Signal): void;
  /** Sets the wall clock of its gate and its node forward; negative: back. */
  shiftClock(byMs: number): void;
  start(): Promise<void>;
  /** SIGTERM to the gate, as an operator or a deploy does; resolves when both have ended. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface ChaosHostOptions {
  readonly name: string;
  readonly folder: string;
  readonly targets: {
    readonly nats: () => NetConnectOpts;
    readonly postgres: () => NetConnectOpts;
    readonly telegram: () => NetConnectOpts;
  };
  /** The gate's settings besides its addresses. */
  environment(ports: { nats: number; postgres: number; telegram: number }): NodeJS.ProcessEnv;
  log(line: string): void;
}

const stopMsMax = 30_000;

/** `T` while the process is stopped: proof that the fault was delivered. */
export function processState(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "?";
  } catch {
    return "gone";
  }
}

export async function createChaosHost(options: ChaosHostOptions): Promise<ChaosHost> {
  const { name, targets, log } = options;
  const [nats, postgres, telegram] = await Promise.all([
    createProxy(targets.nats),
    createProxy(targets.postgres),
    createProxy(targets.telegram),
  ]);
  const home = await openHome(join(options.folder, name), { log: () => {}, now: () => new Date() });
  const clockFile = join(options.folder, `${name}.clock`);
  const env = {
    ...options.environment({
      nats: nats.port,
      postgres: postgres.port,
      telegram: telegram.port,
    }),
    NODE_OPTIONS: `--import ${shiftedClock}`,
    CHAOS_CLOCK: clockFile,
  };
  let keeper: GateKeeper | null = null;
  let pids = { gate: 0, node: 0 };
  let gatesStarted = 0;

  return {
    name,
    links: { nats, postgres, telegram },
    get pids() {
      return pids;
    },
    get gatesStarted() {
      return gatesStarted;
    },
    get isUp() {
      return keeper !== null;
    },
    signal(to, signal) {
      process.kill(pids[to], signal);
    },
    shiftClock(byMs) {
      writeFileSync(clockFile, String(byMs));
      for (const pid of Object.values(pids)) process.kill(pid, "SIGUSR2");
    },
    async start() {
      keeper = await keepGate({
        home: home.path,
        env,
        stopMsMax,
        log: (line) => log(`${name}: ${line}`),
        onNode(node) {
          pids = { ...pids, node };
        },
        onReplaced(ready) {
          pids = ready.pids;
          gatesStarted += 1;
        },
        onGivenUp: (error) => log(`${name}: ${error.line}`),
      });
      pids = keeper.ready.pids;
      gatesStarted += 1;
    },
    async stop() {
      const stopping = keeper;
      keeper = null;
      await stopping?.stop();
    },
    async close() {
      await keeper?.stop();
      keeper = null;
      await Promise.all([nats.close(), postgres.close(), telegram.close()]);
      home.release();
    },
  };
}
