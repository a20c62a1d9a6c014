import { readdirSync, readFileSync } from "node:fs";
import {
  isRunning,
  type ProcessIdentity,
  startTimeOf,
} from "../../adapters/machine/process-identity.ts";

/** A process and all that it has started, as far as they are its descendants now. */
export function treeOf(root: number): readonly ProcessIdentity[] {
  const children = Map.groupBy(allProcesses(), ({ parent }) => parent);
  const found: ProcessIdentity[] = [];
  const open = [root];
  for (let pid = open.shift(); pid !== undefined; pid = open.shift()) {
    const startTime = startTimeOf(pid);
    if (startTime !== null) found.push({ pid, startTime });
    open.push(...(children.get(pid) ?? []).map((child) => child.pid));
  }
  return found;
}

export const stillRunning = (tree: readonly ProcessIdentity[]): readonly ProcessIdentity[] =>
  tree.filter(isRunning);

/** Signals those that still run. */
export function signalAll(tree: readonly ProcessIdentity[], signal: NodeJS.Signals): void {
  for (const { pid } of stillRunning(tree)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

/** proc(5): field 4 is the parent. */
function allProcesses(): readonly { readonly pid: number; readonly parent: number }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return { pid: Number(name), parent: Number(parent) };
      } catch {
        return [];
      }
    });
}
