import "./keep-private.ts";
import { loadBot } from "../adapters/bots/load-bot.ts";
import { closeNetwork } from "../adapters/machine/no-network.ts";
import { createSiteManagerBot } from "../bots/site-manager/site-manager-bot.ts";
import type { ReplayAnswer, ReplayRequest } from "../cli/replay-apart.ts";
import { replay } from "../conversation/rehearsal/replay.ts";
import { errorLine, HoldfastError } from "../errors.ts";

/** Takes one session again with one bot, in a process without a way out: cli/replay-apart.ts starts it. */
const heldBack: string[] = [];
closeNetwork((what) => void heldBack.push(what));

const say = (line: string): void => void process.stderr.write(`${line}\n`);
/** In production it would be the node's to survive; here it is told, and the comparison goes on. */
process.on("unhandledRejection", (error) =>
  say(`nothing awaits this failure: ${errorLine(error)}`),
);
process.on("uncaughtException", (error) =>
  say(`nothing catches this failure: ${errorLine(error)}`),
);

async function takenAgain({
  bot: file,
  kind,
  session,
  turns,
}: ReplayRequest): Promise<ReplayAnswer> {
  try {
    const bot = file === null ? createSiteManagerBot() : await loadBot(file);
    const replayed = await replay(bot, { session, turns }, kind, () => heldBack.splice(0));
    return { type: "replayed", turns: replayed };
  } catch (error) {
    const known = error instanceof HoldfastError ? error : null;
    const next = known?.next === undefined ? {} : { next: known.next };
    const message = known?.message ?? errorLine(error);
    return { type: "failed", code: known?.code ?? "UNEXPECTED", message, ...next };
  }
}

/** Never rejects: a failure is an answer too. */
async function reply(request: ReplayRequest): Promise<void> {
  const answer = await takenAgain(request);
  process.send?.(answer, () => process.exit(0));
}

// It comes from cli/replay-apart.ts alone.
process.once("message", (request) => void reply(request as ReplayRequest));
