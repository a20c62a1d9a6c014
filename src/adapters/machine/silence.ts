import { readFileSync } from "node:fs";
import { type HostIdentity, isHostIdentity } from "./host-identity.ts";
import {
  endProcess,
  isProcessIdentity,
  isRunning,
  type ProcessIdentity,
} from "./process-identity.ts";

export interface SilenceQuestion {
  /** Of the gate that asks, which holds its host lock now. */
  readonly own: HostIdentity | null;
  /** What was recorded of the incarnation in question: its gate's identity, and its last node's under `node`. */
  readonly recorded: unknown;
  /** The ports of every connection of which its journal tells; null: there is no journal here. */
  readonly connections: () => readonly { readonly local: number; readonly remote: number }[] | null;
  /** Given up after this, in milliseconds: whoever asks waits for T_take beside it. */
  readonly withinMs: number;
}

const lookAgainMs = 50;
const nodeEndsWithinMs = 200;
/** The states of a socket in /proc/net/tcp that cannot send any more: everything was acknowledged, or it listens. */
const silentStates: ReadonlySet<string> = new Set(["06", "0A"]);

/**
 * Whether nothing of a dead gate can reach Telegram any more. `true` only if all of this holds: the asker holds the
 * very lock that the dead one held, on the same start of the same machine and in the same namespaces; the dead gate's
 * process is gone; its node is ended; and the kernel has no socket left, orphaned ones included, of any connection
 * of which its journal tells. Asked again and again, as the kernel tells of no end of an orphan.
 */
export async function proveSilence(question: SilenceQuestion): Promise<boolean> {
  const { own, recorded, withinMs } = question;
  if (own === null || !isHostIdentity(recorded) || !isSamePlace(own, recorded)) return false;
  if (isRunning(recorded)) return false;
  if (!(await endNode(nodeOf(recorded)))) return false;
  const connections = question.connections();
  if (connections === null) return false;
  const ports = new Set(connections.map(({ local, remote }) => `${local} ${remote}`));
  const untilMs = performance.now() + withinMs;
  while (performance.now() < untilMs) {
    if (!hasSocket(ports)) return true;
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
  return false;
}

function isSamePlace(own: HostIdentity, recorded: HostIdentity): boolean {
  return (
    own.bootId === recorded.bootId &&
    own.networkNamespace === recorded.networkNamespace &&
    own.pidNamespace === recorded.pidNamespace &&
    own.lock === recorded.lock
  );
}

function nodeOf(recorded: object): ProcessIdentity | null {
  const node: unknown = "node" in recorded ? recorded.node : null;
  return isProcessIdentity(node) ? node : null;
}

async function endNode(node: ProcessIdentity | null): Promise<boolean> {
  if (node === null) return false;
  await endProcess(node, { politely: "SIGKILL", waitMs: nodeEndsWithinMs });
  return !isRunning(node);
}

/** proc(5): local address and port in hexadecimal, the remote one, then the state. */
function hasSocket(ports: ReadonlySet<string>): boolean {
  return ["/proc/net/tcp", "/proc/net/tcp6"].some((file) =>
    linesOf(file).some((line) => {
      const [, local = "", remote = "", state = ""] = line.trim().split(/\s+/);
      return ports.has(`${portOf(local)} ${portOf(remote)}`) && !silentStates.has(state);
    }),
  );
}

const portOf = (address: string): number =>
  Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(1);
  } catch (error) {
    // A kernel without IPv6 has no such sockets. Anything else is not known, and is no proof.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
