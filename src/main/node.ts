import "./keep-private.ts";
import "../node/v8-flags.ts";
import { readConfig } from "../config/config.ts";
import { openSocketPath } from "../adapters/machine/socket-path.ts";
import { takeEnvironment } from "../config/secrets.ts";
import { HoldfastError, lastWord, policyOf } from "../errors.ts";
import type { GateMessage, NodeMessage } from "../gate/supervisor.ts";
import { startNode } from "../node/node.ts";
import type { NodeOptions } from "../node/open.ts";
import { createUnforeseen } from "./unforeseen.ts";

/** A node that cannot start stops what has started for at most so long. */
const failedStopMsMax = 5000;

function tell(message: NodeMessage): void {
  // A gate that has just ended is noticed by the disconnect.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The gate introduces itself first; a node without a gate may not run. */
function introduction(): Promise<NodeOptions["gateIs"]> {
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

function exitFailed(): void {
  process.exit(1);
}

const endedStart = {
  what: "The node did not start",
  next: "Check that NATS and PostgreSQL answer: npx holdfast doctor",
};

function fail(error: unknown): void {
  const message = lastWord(error, endedStart).line;
  process.stderr.write(`holdfast node: ${message}\n`);
  tell({ type: "failed", message, policy: policyOf(error) });
  setTimeout(exitFailed, failedStopMsMax);
}

async function runNode(): Promise<void> {
  const gateIs = await introduction();
  const config = readConfig(takeEnvironment(process.env));
  // Open for life: the node reaches its gate with every call.
  const { path } = openSocketPath(gateIs.path);
  const node = startNode({ config, gateIs: { ...gateIs, path }, tell, exit: exitFailed }, fail);
  const unforeseen = createUnforeseen({
    say: (line) => process.stderr.write(`holdfast node: ${line}\n`),
    stop: node.abandon,
    exit: exitFailed,
    stopMsMax: failedStopMsMax,
  });
  process.on("uncaughtException", unforeseen);
  process.on("message", (message: GateMessage) => {
    if (message.type === "ping") tell({ type: "alive" });
    if (message.type === "calls") node.allowCalls(message.allowed);
    if (message.type === "stop") node.stop().then(() => process.exit(0), exitFailed);
  });
  process.once("disconnect", exitFailed);
  // What keeps it from starting was told, and what had started is stopped.
  await node.started.catch(() => setImmediate(exitFailed));
}

process.on("SIGINT", () => undefined);
process.on("SIGHUP", () => undefined);
await runNode().catch((error: unknown) => {
  fail(error);
  setImmediate(exitFailed);
});
