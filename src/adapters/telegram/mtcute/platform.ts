import { arch, type } from "node:os";
import { format } from "node:util";
import type { ICorePlatform } from "@mtcute/core";

export { createNodeCrypto, trustServerKey } from "../node-crypto.ts";
export { createTcpTransport } from "../tcp-transport.ts";

/** One line of mtcute's log. Level 1 is an error, 2 a warning, 3 information, 4 and 5 are for debugging. */
export interface MtcuteLogLine {
  readonly level: number;
  readonly tag: string;
  readonly text: string;
}

/** mtcute's demands on the machine. */
export interface NodePlatformOptions {
  /** Shown in the account's list of sessions. */
  readonly deviceModel?: string;
  /** Takes mtcute's log; without it nothing is logged. */
  readonly onLog?: (line: MtcuteLogLine) => void;
  /** Least important level that is logged, 1 to 5; by default 2, warnings. */
  readonly logLevel?: number;
}

const WARNINGS = 2;

/** mtcute's platform on Node. Share one between clients: it holds one exit listener for all of them. */
export function createNodePlatform(options: NodePlatformOptions = {}): ICorePlatform {
  const { onLog, logLevel = WARNINGS } = options;
  const exitTasks = new Set<() => void>();

  function runExitTasks(): void {
    for (const task of exitTasks) task();
  }

  return {
    beforeExit(task) {
      if (exitTasks.size === 0) process.once("exit", runExitTasks);
      exitTasks.add(task);
      return () => {
        exitTasks.delete(task);
        if (exitTasks.size === 0) process.off("exit", runExitTasks);
      };
    },
    log(_color, level, tag, pattern, args) {
      onLog?.({ level, tag, text: format(pattern, ...args) });
    },
    getDefaultLogLevel: () => (onLog === undefined ? 0 : logLevel),
    getDeviceModel: () => options.deviceModel ?? `Node.js ${process.version} (${type()} ${arch()})`,
  };
}
