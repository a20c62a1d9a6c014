import { HoldfastError } from "../../errors.ts";
import type { RegisterEntry, SharedRegister } from "../../ports/custody/shared-register.ts";
import type { Kernel, SimProcess } from "./kernel.ts";
import { call, delayOn, type Link } from "./link.ts";

/** The server's side of a register, and its faults. */
export interface SimRegister<Value> {
  /** The register as one process sees it. */
  view(of: { readonly from: SimProcess; readonly link: Link }): SharedRegister<Value>;
  /** Replaces the register by an older copy of the store: revisions are used again. */
  rollBack(toMs: number): void;
  present(): readonly RegisterEntry<Value>[];
  /** Watchers behind a broken link see the present value, as after a reconnect. */
  healed(): void;
}

interface Write<Value> extends RegisterEntry<Value> {
  readonly atMs: number;
}

interface Watcher<Value> {
  readonly from: SimProcess;
  readonly link: Link;
  readonly onEntry: (entry: RegisterEntry<Value>) => void;
  stopped: boolean;
  lastMs: number;
}

export function createSimRegister<Value>(
  kernel: Kernel,
  timeoutMs: number,
  /** A write was accepted. */
  onWrite: () => void = () => {},
): SimRegister<Value> {
  let log: Write<Value>[] = [];
  let current = new Map<string, Write<Value>>();
  let revision = 0;
  const watchers = new Set<Watcher<Value>>();

  const present = (): Write<Value>[] =>
    [...current.values()].toSorted((a, b) => a.revision - b.revision);

  function show(watcher: Watcher<Value>, entry: Write<Value>): void {
    if (watcher.stopped || watcher.from.state === "dead") return void watchers.delete(watcher);
    if (watcher.link.replies === "lost") return;
    // One connection delivers in order.
    const atMs = Math.max(watcher.lastMs, kernel.nowMs + delayOn(kernel, watcher.link));
    watcher.lastMs = atMs;
    watcher.from.deliver(atMs - kernel.nowMs, () => {
      if (!watcher.stopped) watcher.onEntry(shown(entry));
    });
  }

  const shown = ({ key, value, revision: at }: Write<Value>): RegisterEntry<Value> => ({
    key,
    value,
    revision: at,
  });

  function write(key: string, value: Value, previous: number): number {
    if ((current.get(key)?.revision ?? 0) !== previous) throw conflict(key, previous);
    revision += 1;
    const entry = { key, value, revision, atMs: kernel.nowMs };
    current.set(key, entry);
    log.push(entry);
    onWrite();
    for (const watcher of watchers) show(watcher, entry);
    return revision;
  }

  /** An isolated server answers readers from its old state. */
  function read(key: string, staleMs: number): Write<Value> | null {
    if (staleMs <= 0 || kernel.random.chance(0.5)) return current.get(key) ?? null;
    const atMs = kernel.nowMs - kernel.random.next() * staleMs;
    return log.findLast((entry) => entry.key === key && entry.atMs <= atMs) ?? null;
  }

  return {
    view({ from, link }) {
      const request = <Result>(execute: () => Result, onTimeout: () => HoldfastError) =>
        call({ kernel, from, link, timeoutMs, execute, onTimeout });
      return {
        read: (key) =>
          request(() => {
            const entry = read(key, link.staleMs);
            return entry === null ? null : shown(entry);
          }, unavailable),
        entries: () => request(() => present().map(shown), unavailable),
        write: (key, value, previous) => {
          const isDoubled = link.doubled > 0 && kernel.random.chance(link.doubled);
          return request(
            () => {
              // The second copy comes behind the first, and meets its revision.
              if (isDoubled) {
                kernel.at(delayOn(kernel, link), () => {
                  if ((current.get(key)?.revision ?? 0) === previous) write(key, value, previous);
                });
              }
              return write(key, value, previous);
            },
            () => unknown(key),
          );
        },
        async watch(onEntry) {
          const watcher = { from, link, onEntry, stopped: false, lastMs: kernel.nowMs };
          watchers.add(watcher);
          for (const entry of present()) show(watcher, entry);
          return () => {
            watcher.stopped = true;
            watchers.delete(watcher);
          };
        },
      };
    },
    present,
    rollBack(toMs) {
      log = log.filter(({ atMs }) => atMs <= toMs);
      current = new Map(log.map((entry) => [entry.key, entry]));
      revision = log.at(-1)?.revision ?? 0;
      for (const watcher of watchers) for (const entry of present()) show(watcher, entry);
    },
    healed() {
      for (const watcher of watchers) for (const entry of present()) show(watcher, entry);
    },
  };
}

const unavailable = () =>
  new HoldfastError({
    code: "REGISTER_UNAVAILABLE",
    message: "The register does not answer.",
    policy: "retryable",
  });

const unknown = (key: string) =>
  new HoldfastError({
    code: "REGISTER_UNKNOWN",
    message: `It is not known whether ${key} was written.`,
    policy: "retryable",
  });

const conflict = (key: string, previous: number) =>
  new HoldfastError({
    code: "REGISTER_CONFLICT",
    message: `${key} is no longer at revision ${previous}; nothing was written.`,
    policy: "retryable",
  });
