import { lstatSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { openSocketPath } from "../adapters/machine/socket-path.ts";
import { placeOf } from "../adapters/machine/place.ts";
import {
  isProcessIdentity,
  isRunning,
  ownIdentity,
  type ProcessIdentity,
  startTimeOf,
} from "../adapters/machine/process-identity.ts";

/** What is known of the owner of a file. `unknown`: nothing proves that it is dead. */
export type OwnerVerdict = "dead" | "alive" | "unknown";

/** Judges owners of files in one home. */
export interface OwnerJudge {
  /** The process that a file names by number and start. */
  ofFile(path: string): OwnerVerdict;
  ofProcess(identity: ProcessIdentity): OwnerVerdict;
  /** The owner of a name with a bare number: as long as a process has that number, it may be the one. */
  ofNumber(pid: number): OwnerVerdict;
}

/** A file that names a process is short. */
const fileBytesMax = 64 * 1024;

export function createOwnerJudge(home: string): OwnerJudge {
  const ownBoot = bootOf(ownIdentity().startTime);
  const isHere = wasUsedHere(home);

  function ofProcess(identity: ProcessIdentity): OwnerVerdict {
    if (isRunning(identity)) return "alive";
    // A start of another machine cannot be looked up from here; an earlier start of this machine has ended.
    const isOtherBoot = bootOf(identity.startTime) !== ownBoot;
    return isOtherBoot && !isHere ? "unknown" : "dead";
  }

  return {
    ofProcess,
    ofNumber: (pid) => (startTimeOf(pid) === null ? "dead" : "alive"),
    ofFile(path) {
      try {
        if (lstatSync(path).size > fileBytesMax) return "unknown";
        const value: unknown = JSON.parse(readFileSync(path, "utf8"));
        return isProcessIdentity(value) ? ofProcess(value) : "unknown";
      } catch {
        return "unknown";
      }
    },
  };
}

/** On Linux a start is `<boot>:<ticks>`; elsewhere there is no such part, and all are alike. */
const bootOf = (startTime: string): string =>
  startTime.includes(":") && startTime.includes("-") ? startTime.split(":")[0]! : "";

/** Whether the home's own record says that this very machine has used it last. */
function wasUsedHere(home: string): boolean {
  try {
    const record: unknown = JSON.parse(readFileSync(join(home, "fleet.json"), "utf8"));
    const { machineId } = Object(Object(record).place) as { readonly machineId?: unknown };
    return typeof machineId === "string" && machineId === placeOf(home).machineId;
  } catch {
    return false;
  }
}

const answerMsMax = 1000;

/** The kernel refuses a connection to a unix socket that no process listens on. */
export function ownerOfSocket(path: string): Promise<OwnerVerdict> {
  return new Promise((resolve) => {
    const at = openSocketPath(path);
    const socket = connect({ path: at.path });
    const settle = (verdict: OwnerVerdict) => {
      socket.destroy();
      at.close();
      resolve(verdict);
    };
    socket.setTimeout(answerMsMax, () => settle("unknown"));
    socket.once("connect", () => settle("alive"));
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      settle(code === "ECONNREFUSED" ? "dead" : "unknown"),
    );
  });
}
