import { readFileSync } from "node:fs";
import { type HostIdentity, isHostIdentity } from "./host-identity.ts";
import {
  endProcess,
  isProcessIdentity,
  isRunning,
  type ProcessIdentity,
} from "./process-identity.ts";

export interface SilenceQuestion {
  /** The asking gate, which now holds its host lock. */
  readonly own: HostIdentity | null;
  /**
   * The recorded identity of the incarnation in question: its gate's, and its last node's under
   * `node`.
   */
  readonly recorded: unknown;
  /** The ports of every connection in its journal; null: there is no journal here. */
  readonly connections: () => readonly { readonly local: number; readonly remote: number }[] | null;
  /**
   * The proof is given up after this, in milliseconds. The asker waits for T_take at the same time.
   */
  readonly withinMs: number;
}

const lookAgainMs = 50;
const nodeEndsWithinMs = 200;
/**
 * States in /proc/net/tcp in which a socket cannot send: everything was acknowledged, or it
 * listens.
 */
const silentStates: ReadonlySet<string> = new Set(["06", "0A"]);

/**
 * Whether nothing of a dead gate can reach Telegram any more. `true` only if all of this holds: the
 * asker holds the dead gate's own lock, on the same start of the same machine and in the same
 * namespace of the network; the gate and its node are gone; and the kernel has no socket left,
 * orphans included, of any connection in its journal. Polls, because the kernel does not report the
 * end of an orphan.
 */
export async function proveSilence(question: SilenceQuestion): Promise<boolean> {
  const { own, recorded, withinMs } = question;
  if (own === null || !isHostIdentity(recorded) || !isSamePlace(own, recorded)) return false;
  if (!(await areGone(own, recorded))) return false;
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
    own.lock === recorded.lock
  );
}

/**
 * A container's processes cannot be seen from the next one. The kernel then tells by the lock's name, which it gives to
 * one process of that network at a time, and to the next one only when the gate has ended. A node reaches Telegram by
 * its gate alone.
 */
async function areGone(own: HostIdentity, recorded: HostIdentity): Promise<boolean> {
  if (own.pidNamespace !== recorded.pidNamespace) {
    return own.holdsName === true && recorded.holdsName === true;
  }
  return !isRunning(recorded) && (await endNode(nodeOf(recorded)));
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
    // A kernel without IPv6 has no such sockets. Any other failure leaves the answer unknown: no
    // proof.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
