import { ControlError } from "./control-error.ts";

/** The kinds of faults; `docs/telegram-dc.md` describes each. */
export const faultKinds = [
  "drop-answer",
  "delay",
  "reset",
  "flood",
  "error",
  "kill-key",
  "lose-update",
  "refuse-connections",
  "blackhole",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** An order for a fault: its kind, its target and its count. */
export interface FaultSpec {
  readonly kind: FaultKind;
  /** Only calls of this method, such as `messages.sendMessage`. */
  readonly method?: string | undefined;
  readonly userId?: bigint | undefined;
  readonly authKeyId?: string | undefined;
  /** Number of times; 1 by default, and endless for `blackhole` and `refuse-connections`. */
  readonly count?: number | undefined;
  /** `delay`: how long the answer is held back; with `when: "before"`, the call itself. */
  readonly delayMs?: number | undefined;
  /** `flood`: the X of FLOOD_WAIT_X. */
  readonly seconds?: number | undefined;
  /** `error`: the answer, such as 500 and `INTERNAL`. */
  readonly code?: number | undefined;
  readonly message?: string | undefined;
  /** `drop-answer`, `reset`, `delay`: before the call takes effect, or after it (the default). */
  readonly when?: "before" | "after" | undefined;
  /** `kill-key`: the state of the key afterwards. */
  readonly reason?: "duplicated" | "revoked" | "deactivated" | "banned" | undefined;
}

/** An ordered fault. */
export interface Fault {
  readonly id: number;
  readonly spec: FaultSpec;
  /** Strikes left; Infinity until it is removed. */
  left: number;
  /** Strikes so far. */
  delivered: number;
}

/** The key, user and method of an event, to be matched with the faults. */
interface FaultTarget {
  readonly method?: string | undefined;
  readonly userId?: bigint | undefined;
  readonly authKeyId?: string | undefined;
}

export interface Faults {
  /** @throws ControlError BAD_FAULT when a figure that the kind needs is missing or wrong. */
  add(spec: FaultSpec): Fault;
  remove(id: number): boolean;
  clear(): void;
  /** Standing and used-up faults, in the order of their making. */
  list(): readonly Fault[];
  /** The oldest matching fault of one of the kinds; counts it as delivered. */
  strike(kinds: readonly FaultKind[], target: FaultTarget): Fault | undefined;
}

const endlessKinds: readonly FaultKind[] = ["blackhole", "refuse-connections"];
const faultsMax = 1_000;

export function createFaults(): Faults {
  let faults: Fault[] = [];
  let idNext = 1;
  return {
    add(spec) {
      refuseBadFault(spec);
      const left = spec.count ?? (endlessKinds.includes(spec.kind) ? Infinity : 1);
      const fault: Fault = { id: idNext++, spec, left, delivered: 0 };
      faults = [...faults.slice(-(faultsMax - 1)), fault];
      return fault;
    },
    remove(id) {
      const before = faults.length;
      faults = faults.filter((fault) => fault.id !== id);
      return faults.length < before;
    },
    clear() {
      faults = [];
    },
    list: () => faults,
    strike(kinds, target) {
      for (const fault of faults) {
        if (fault.left <= 0 || !kinds.includes(fault.spec.kind) || !matches(fault.spec, target)) {
          continue;
        }
        fault.left -= 1;
        fault.delivered += 1;
        return fault;
      }
      return undefined;
    },
  };
}

function matches(spec: FaultSpec, target: FaultTarget): boolean {
  return (
    (spec.method === undefined || spec.method === target.method) &&
    (spec.userId === undefined || spec.userId === target.userId) &&
    (spec.authKeyId === undefined || spec.authKeyId === target.authKeyId)
  );
}

function refuseBadFault(spec: FaultSpec): void {
  const fault = faultOf(spec);
  if (fault !== undefined) {
    throw new ControlError("BAD_FAULT", 400, `no fault was ordered: ${fault}`);
  }
}

function faultOf(spec: FaultSpec): string | undefined {
  if (!faultKinds.includes(spec.kind)) return `kind must be one of ${faultKinds.join(", ")}`;
  if (spec.count !== undefined && (!Number.isInteger(spec.count) || spec.count < 1)) {
    return "count must be a whole number from 1";
  }
  if (spec.kind === "delay" && !isFigure(spec.delayMs)) return "delay needs delayMs, from 0";
  if (spec.kind === "flood" && !isFigure(spec.seconds)) return "flood needs seconds, from 0";
  if (spec.kind === "error" && (!Number.isInteger(spec.code) || !spec.message)) {
    return "error needs code and message, such as 500 and INTERNAL";
  }
  if (spec.kind === "kill-key" && spec.authKeyId === undefined && spec.userId === undefined) {
    return "kill-key needs authKeyId or userId";
  }
  if (spec.kind === "lose-update" && spec.userId === undefined) return "lose-update needs userId";
  return undefined;
}

function isFigure(value: number | undefined): boolean {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}
