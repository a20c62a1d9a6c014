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

/** Every process of that home, whatever is its parent now: its environment or its arguments name it. */
export function processesFor(home: string): readonly ProcessIdentity[] {
  return allProcesses().flatMap(({ pid }) => {
    const startTime = startTimeOf(pid);
    const names = (file: string) => textOf(`/proc/${pid}/${file}`).includes(home);
    const isOfHome = pid !== process.pid && (names("environ") || names("cmdline"));
    return isOfHome && startTime !== null ? [{ pid, startTime }] : [];
  });
}

/** The process of a tree that a namespace of processes knows under this number; outside of any, the number itself. */
export function pidOutside(tree: readonly ProcessIdentity[], inside: number): number | undefined {
  const own = ({ pid }: ProcessIdentity) => {
    const [, numbers = ""] = /^NSpid:\s*(.*)$/m.exec(textOf(`/proc/${pid}/status`)) ?? [];
    return Number(numbers.split(/\s+/).at(-1));
  };
  return tree.find((one) => own(one) === inside)?.pid;
}

/** Empty for what is gone, or of another user. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
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
