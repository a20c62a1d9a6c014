import { serveGate } from "../../gate/gate-server.ts";
import { createSocketTable } from "../../gate/socket-table.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";

/** Runs a gate's sockets in a process of their own, as in production, for measurements. */
async function serve(path: string): Promise<void> {
  const table = createSocketTable({
    mayAct: () => true,
    journal: () => {},
    now: () => Date.now(),
    asleepSinceMs: () => null,
    clock: createSystemClock(),
    restMs: 0,
    answerMs: 0,
  });
  await serveGate(
    path,
    { secret: () => "bench", onNodeGone: () => {} },
    table,
    () => table.figures,
  );
  process.send?.("ready");
}

process.once("disconnect", () => process.exit(0));
process.once("message", (path: string) => void serve(path));
