import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Clock } from "../concurrency/clock.ts";
import type { ErrorPolicy } from "../errors.ts";
import { nodeFlags, turnFlags } from "../files.ts";

/** A node's messages to its gate. */
export type NodeMessage =
  | { readonly type: "alive" }
  | { readonly type: "ready"; readonly http: string }
  /** Whether accounts may be placed on this host. */
  | { readonly type: "serving"; readonly serving: boolean }
  /** Cut everything and tell the fleet; the incarnation goes on. */
  | { readonly type: "let-go"; readonly why: string }
  /** For who looks on. */
  | { readonly type: "shown"; readonly line: string }
  /** Cut everything; this incarnation is over. */
  | { readonly type: "end"; readonly why: string }
  | { readonly type: "failed"; readonly message: string; readonly policy: ErrorPolicy };

/** A gate's messages to its node. */
export type GateMessage =
  | {
      readonly type: "gate";
      readonly path: string;
      readonly secret: string;
      readonly incarnation: string;
      readonly host: string;
      readonly httpPort: number;
      /**
       * A successor's means to prove that this gate is silent; null where nothing can be proven.
       */
      readonly identity: unknown;
    }
  /** Answered with `alive` by a node whose event loop turns. */
  | { readonly type: "ping" }
  /** Whether calls to Telegram may begin: not while the lease is about to run out. */
  | { readonly type: "calls"; readonly allowed: boolean }
  | { readonly type: "stop" };

export interface SupervisorOptions {
  readonly modulePath: string;
  /** The node's whole environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Every node's introduction, apart from its secret and the HTTP port of its predecessor. */
  readonly introduction: {
    readonly path: string;
    readonly incarnation: string;
    readonly host: string;
    readonly identity: unknown;
  };
  readonly httpPort: number;
  /** A node that serves and gives no sign of life for this long is ended, in milliseconds. */
  readonly hangMs: number;
  onHang(pid: number): void;
  /** The node has ended: cut its open connections before the next one begins. */
  onGone(): Promise<unknown>;
  onReady(http: string, pid: number): void;
  onServing(serving: boolean): void;
  onLetGo(why: string): void;
  onEnd(why: string): void;
  /** The node tells who looks on. */
  onShown(line: string): void;
  onRespawn(pid: number): void;
  /** Something went wrong between this process and the node's. */
  onFault(error: Error): void;
  /** The node cannot start, and says why. */
  onFailed(message: string, policy: ErrorPolicy): void;
}

export interface Supervisor {
  start(): void;
  /** The secret of the node that runs now; null between two nodes. */
  secret(): string | null;
  /** Calls the listener when a node has ended, before anything else is done about it. */
  onNodeGone(listener: () => void): void;
  readonly pid: number | null;
  allowCalls(allowed: boolean): void;
  /** Asks the node to stop, waits at most `waitMs`, then ends it. */
  stop(waitMs: number): Promise<void>;
  kill(): void;
}

const looksPerHang = 4;
const backoffMs = [0, 250, 500, 1000, 2000, 5000];
/** A node that has never served is tried this often: its obstacle will not go away by itself. */
const startsMax = 5;
/** A node that served this long has earned a fresh start at once. */
const steadyMs = 30_000;

interface HangWatch extends Pick<SupervisorOptions, "clock" | "hangMs" | "onHang"> {
  /** False once another node runs, or none. */
  isCurrent(): boolean;
  ping(): void;
}

/** Ends a node that answers no more. Begins once it serves: before that, loading keeps its event loop busy. */
function watchForHang(node: ChildProcess, { clock, hangMs, onHang, isCurrent, ping }: HangWatch) {
  // Looks and not milliseconds: after a pause of the gate itself, the node gets its time to answer.
  let silentLooks = 0;
  node.on("message", () => {
    silentLooks = 0;
  });
  const look = () => {
    if (!isCurrent()) return;
    if (silentLooks > looksPerHang) {
      onHang(node.pid!);
      node.kill("SIGKILL");
      return;
    }
    silentLooks += 1;
    ping();
    clock.schedule(hangMs / looksPerHang, look);
  };
  look();
}

/** Keeps one node running as a child of the gate. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, introduction } = options;
  let child: ChildProcess | null = null;
  let secret: string | null = null;
  let onNodeGone = () => {};
  let stopping = false;
  let everReady = false;
  let httpPort = options.httpPort;
  let deaths = 0;
  let gone: Promise<void> = Promise.resolve();

  function spawn(): void {
    if (stopping) return;
    secret = randomBytes(32).toString("hex");
    const begunMs = clock.monotonicMs();
    const execArgv = [...nodeFlags, ...turnFlags];
    const node = fork(options.modulePath, [], { env: options.env, execArgv });
    child = node;
    say(node, { type: "gate", secret, httpPort, ...introduction });
    node.on("message", (message: NodeMessage) => heard(node, message));
    gone = new Promise((resolve) => {
      const ended = () => {
        child = null;
        secret = null;
        onNodeGone();
        void options.onGone().then(() => {
          resolve();
          respawn(begunMs);
        });
      };
      node.once("exit", ended);
      node.on("error", (error) => {
        options.onFault(error);
        if (node.pid === undefined) ended();
      });
    });
  }

  /** Best effort: a dying node may miss the message, its successor does not. */
  function say(node: ChildProcess, message: GateMessage): void {
    if (node.connected) node.send(message, () => undefined);
  }

  function respawn(begunMs: number): void {
    if (stopping) return;
    deaths = clock.monotonicMs() - begunMs > steadyMs ? 0 : deaths + 1;
    if (!everReady && deaths >= startsMax) {
      stopping = true;
      options.onFailed(
        `The node ended ${deaths} times before it served. Read logs/gate.log.`,
        "terminal",
      );
      return;
    }
    const delayMs = backoffMs[Math.min(Math.max(deaths - 1, 0), backoffMs.length - 1)]!;
    clock.schedule(delayMs, spawn);
  }

  function heard(node: ChildProcess, message: NodeMessage): void {
    if (message.type === "failed") {
      if (everReady) return;
      stopping = true;
      options.onFailed(message.message, message.policy);
      return;
    }
    if (message.type === "alive") return;
    if (message.type === "serving") return options.onServing(message.serving);
    if (message.type === "let-go") return options.onLetGo(message.why);
    if (message.type === "end") return options.onEnd(message.why);
    if (message.type === "shown") return options.onShown(message.line);
    watchForHang(node, {
      ...options,
      isCurrent: () => child === node,
      ping: () => say(node, { type: "ping" }),
    });
    httpPort = Number(new URL(message.http).port);
    if (everReady) options.onRespawn(node.pid!);
    else options.onReady(message.http, node.pid!);
    everReady = true;
  }

  return {
    start: spawn,
    secret: () => secret,
    onNodeGone: (listener) => void (onNodeGone = listener),
    get pid() {
      return child?.pid ?? null;
    },
    allowCalls(allowed) {
      if (child !== null) say(child, { type: "calls", allowed });
    },
    async stop(waitMs) {
      stopping = true;
      if (child === null) return gone;
      const node = child;
      const cancel = clock.schedule(waitMs, () => node.kill("SIGKILL"));
      say(node, { type: "stop" });
      await gone;
      cancel();
    },
    kill() {
      stopping = true;
      child?.kill("SIGKILL");
    },
  };
}
