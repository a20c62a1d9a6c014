import type { RpcCall, RpcOutcome } from "../seam.ts";
import type { AuthKeys } from "./auth-keys.ts";
import type { Clock } from "./clock.ts";
import type { Fault, FaultKind, Faults } from "./faults.ts";
import type { LedgerWriter } from "./ledger/ledger.ts";
import type { RpcRecord } from "./ledger/ledger-records.ts";
import type { Method } from "./methods/method.ts";
import type { AuthKeyRecord } from "./model.ts";
import { badRequest, floodWait, RpcError } from "./rpc-error.ts";

export interface RpcRunnerDeps {
  readonly clock: Clock;
  readonly authKeys: AuthKeys;
  readonly ledger: LedgerWriter;
  readonly faults: Faults;
  readonly methods: ReadonlyMap<string, Method>;
}

const callFaults: readonly FaultKind[] = ["flood", "error", "drop-answer", "reset", "delay"];

/**
 * Answers one call. In order: dead keys, faults that strike before the effect, the effect, faults
 * that strike after it. The effect happens within the caller's turn of the event loop, so calls
 * take effect in the order of arrival.
 */
export function createRpcRunner(
  deps: RpcRunnerDeps,
): (call: RpcCall, key: AuthKeyRecord) => Promise<RpcOutcome> {
  const { clock, authKeys, ledger, faults, methods } = deps;

  function effectOf(call: RpcCall, key: AuthKeyRecord): RpcOutcome | Promise<RpcOutcome> {
    const method = methods.get(call.query._);
    if (method === undefined) {
      ledger.unknownMethod(call.query._);
      return refusal(badRequest("INPUT_METHOD_INVALID"));
    }
    try {
      const value = method({ connection: call.connection, key }, call.query);
      if (!(value instanceof Promise)) return { kind: "result", value };
      return value.then((later) => ({ kind: "result", value: later }) as const, refusalOf);
    } catch (error) {
      return refusalOf(error);
    }
  }

  function refusalOf(error: unknown): RpcOutcome {
    if (error instanceof RpcError) return refusal(error);
    ledger.internalError(error);
    return { kind: "error", code: 500, message: "INTERNAL" };
  }

  async function withFault(
    fault: Fault | undefined,
    effect: () => RpcOutcome | Promise<RpcOutcome>,
  ): Promise<RpcOutcome> {
    if (fault === undefined) return effect();
    const { kind, seconds, code, message, delayMs, when } = fault.spec;
    if (kind === "flood") return refusal(floodWait(seconds ?? 0));
    if (kind === "error") return { kind: "error", code: code ?? 500, message: message ?? "" };
    const lost: RpcOutcome = kind === "reset" ? { kind: "cut" } : { kind: "drop" };
    const wait = () => new Promise<void>((resolve) => clock.schedule(delayMs ?? 0, resolve));
    if (when === "before") {
      if (kind !== "delay") return lost;
      await wait();
      return effect();
    }
    const outcome = await effect();
    if (kind !== "delay") return lost;
    await wait();
    return outcome;
  }

  return async (call, key) => {
    const record: RpcRecord = {
      method: call.query._,
      authKeyId: key.id,
      userId: key.userId,
      connectionId: call.connection.id,
      atMs: clock.nowMs(),
      answeredAtMs: undefined,
      outcome: "pending",
    };
    ledger.rpcStarted(record);
    const dead = authKeys.deathAnswer(key);
    const target = { method: record.method, userId: key.userId, authKeyId: key.id };
    let outcome =
      dead === undefined
        ? await withFault(faults.strike(callFaults, target), () => effectOf(call, key))
        : refusal(dead);
    // The key died while the call was under way: the effect stands, but the client hears only of
    // the death.
    const diedMeanwhile = dead === undefined ? authKeys.deathAnswer(key) : undefined;
    if (diedMeanwhile !== undefined && outcome.kind !== "cut") outcome = refusal(diedMeanwhile);
    ledger.rpcEnded(record, nameOf(outcome), clock.nowMs());
    return outcome;
  };
}

function refusal(error: RpcError): RpcOutcome {
  return { kind: "error", code: error.code, message: error.text };
}

function nameOf(outcome: RpcOutcome): string {
  if (outcome.kind === "error") return outcome.message;
  return { result: "ok", drop: "dropped", cut: "cut" }[outcome.kind];
}
