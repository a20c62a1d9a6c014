import { fork } from "node:child_process";
import type { AccountKind } from "../../machines/lifecycle.ts";
import type { ReplayedTurn } from "../conversation/rehearsal/replay.ts";
import { HoldfastError } from "../errors.ts";
import { nodeFlags, programFile } from "../files.ts";
import type { SessionSummary, TurnHistory } from "../ports/conversation/conversation-records.ts";

/** The session to take again, and by which bot. */
export interface ReplayRequest {
  /** Its file; null: the example. */
  readonly bot: string | null;
  readonly kind: AccountKind;
  readonly session: SessionSummary;
  readonly turns: readonly TurnHistory[];
}

export type ReplayAnswer =
  | { readonly type: "replayed"; readonly turns: readonly ReplayedTurn[] }
  | {
      readonly type: "failed";
      readonly code: string;
      readonly message: string;
      readonly next?: string;
    };

/**
 * Takes a session again in a process of its own that reaches nothing outside. Node's permissions refuse it to write
 * files, and to start processes and workers; `adapters/machine/no-network` refuses it the network. It may read files.
 * @param addons lets it load native addons, which no refusal reaches
 */
export function replayApart(
  request: ReplayRequest,
  { addons }: { readonly addons: boolean },
): Promise<readonly ReplayedTurn[]> {
  const child = fork(programFile("src/main/replay"), {
    execArgv: [
      ...nodeFlags,
      "--permission",
      "--allow-fs-read=*",
      ...(addons ? ["--allow-addons"] : []),
      "--disable-warning=SecurityWarning",
    ],
    // The bot's own lines are no part of the answer.
    stdio: ["ignore", 2, 2, "ipc"],
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("message", (value) => {
      if (!isAnswer(value)) return;
      if (value.type === "replayed") resolve(value.turns);
      else reject(new HoldfastError(value));
    });
    child.on("exit", (code, signal) => reject(endedEarly(code ?? signal)));
    child.send(request);
  });
}

/** A bot may speak on this channel too. */
const isAnswer = (value: unknown): value is ReplayAnswer =>
  typeof value === "object" &&
  value !== null &&
  "type" in value &&
  (value.type === "replayed" || value.type === "failed");

const endedEarly = (how: number | string | null): HoldfastError =>
  new HoldfastError({
    code: "REPLAY_ENDED",
    message: `The process of the replay ended before its last turn (${String(how)}).`,
    next: "Look at the lines above for what the bot did.",
  });
