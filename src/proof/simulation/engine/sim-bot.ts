import { wait } from "../../../concurrency/wait.ts";
import { HoldfastError } from "../../../errors.ts";
import type { Bot, Turn } from "../../../ports/conversation/bot.ts";
import type { SimProcess } from "../kernel.ts";
import { unwritableMark } from "./sim-postgres.ts";

/** What the bot is told to do by a message's text: a word, and its number for some. */
export type Act =
  | "echo"
  | "two"
  | "step"
  | "throw"
  | "retry"
  | "late"
  | "never"
  | "slow"
  | "escalate"
  | "end"
  | "unwritable";

export const textOf = (act: Act, number = 0): string => `${act} ${number}`;

/** What bots do to the world, and what the judge hears of them. */
export interface BotWorld {
  readonly nowMs: () => number;
  /** A handler begins. Answers how often this turn's has begun. */
  asked(turn: Turn): number;
  /** A call to the outside sets out. The returned function is called when it takes effect. */
  calls(turn: string, step: string): () => void;
}

/** The state that a conversation keeps: the numbers of the messages that were taken in it. */
export interface SeenState {
  readonly seen: readonly number[];
}

const stepMs = 20;

/** The number of the message that a turn is about. */
export const messageOfTurn = (id: string): number => Number(id.slice(id.lastIndexOf(":") + 1));

export function createSimBot(world: BotWorld, process: SimProcess): Bot {
  const rest = (ms: number, signal?: AbortSignal) => wait(process.clock, ms, signal);

  return {
    name: "sim",
    async handle(turn) {
      const runs = world.asked(turn);
      const number = messageOfTurn(turn.id);
      const text = turn.input.kind === "text" ? turn.input.text : "";
      const [act, argument = "0"] = text.split(" ") as [Act, string?];
      const { seen = [] } = (turn.state?.state ?? {}) as Partial<SeenState>;
      turn.setState({ machineId: "sim", schemaVersion: 1, state: { seen: [...seen, number] } });
      switch (act) {
        case "step":
          // What is called for depends on what was said before, as with any bot.
          await turn.step(`pay ${seen.length}`, async () => {
            const arrives = world.calls(turn.id, `pay ${seen.length}`);
            await rest(stepMs);
            arrives();
            return number;
          });
          break;
        case "throw":
          throw new Error("the bot fails for good");
        case "retry":
          if (world.nowMs() < Number(argument)) throw busy();
          break;
        case "late":
          // A step that takes longer than a handler may; its outcome counts for the next run.
          await turn.step("order", async () => {
            const arrives = world.calls(turn.id, "order");
            await rest(runs === 1 ? Number(argument) : stepMs);
            arrives();
            return number;
          });
          break;
        case "never":
          await new Promise(() => {});
          break;
        case "slow":
          await rest(Number(argument));
          break;
        case "escalate":
          turn.escalate();
          break;
        case "end":
          turn.end();
          break;
        case "echo":
        case "two":
        case "unwritable":
          break;
      }
      turn.reply(`${number}.0`);
      if (act === "two") turn.reply(`${number}.1`);
      if (act === "unwritable") turn.remember({ [unwritableMark]: number });
    },
  };
}

const busy = () =>
  new HoldfastError({
    code: "MODEL_BUSY",
    message: "The model answers nobody now.",
    next: "Nothing is to be done.",
    policy: "retryable",
  });
