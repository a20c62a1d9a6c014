import { ownerOfHome } from "../embedded/home-sweep.ts";
import { readRunInfo } from "../embedded/run-info.ts";
import { HoldfastError } from "../errors.ts";

/** 15 s for calls in flight, 10 s to disconnect, and the time that the parts need to end. */
const stopMsMax = 60_000;
const stopLookMs = 100;
const stopToldMs = 3_000;

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/**
 * Stops what `holdfast start` has started in this home, and tells how it goes. Resolves when no process is left;
 * `false`: nothing ran. Throws STOP_UNFINISHED.
 */
export async function stopService(
  home: string,
  force: boolean,
  tell: (line: string) => void,
): Promise<boolean> {
  const run = await readRunInfo(home);
  const launcher = run?.pids["launcher"];
  // A number alone may be another process's by now; the home's lock tells the start of its owner too.
  if (run === null || launcher === undefined || ownerOfHome(home)?.pid !== launcher) return false;
  const gate = run.pids["gate"];
  // A dead gate's sockets are closed by the kernel; the launcher then ends the rest.
  if (force && gate !== undefined && isAlive(gate)) process.kill(gate, "SIGKILL");
  process.kill(launcher, "SIGTERM");
  await untilGone(Object.values(run.pids), tell);
  return true;
}

/** Resolves when none of them runs. Throws STOP_UNFINISHED. */
export async function untilGone(
  pids: readonly number[],
  tell: (line: string) => void,
): Promise<void> {
  const begunMs = performance.now();
  let toldMs = begunMs;
  while (pids.some(isAlive)) {
    const nowMs = performance.now();
    if (nowMs - begunMs > stopMsMax) throw stillRuns(pids.filter(isAlive));
    if (nowMs - toldMs > stopToldMs) {
      toldMs = nowMs;
      tell(`still stopping: what is in flight ends (${Math.round((nowMs - begunMs) / 1000)} s)`);
    }
    await new Promise((done) => setTimeout(done, stopLookMs));
  }
}

const stillRuns = (pids: readonly number[]) =>
  new HoldfastError({
    code: "STOP_UNFINISHED",
    message: `These processes still run: ${pids.join(", ")}.`,
    next: "Try: npx holdfast stop --force",
  });
