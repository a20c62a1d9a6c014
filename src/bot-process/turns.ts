import { AsyncLocalStorage } from "node:async_hooks";
import { errorOf, factsOf } from "../adapters/bots/error-facts.ts";
import {
  type BotLine,
  botSays,
  type NodeLine,
  nodeSays,
  type TurnLine,
} from "../adapters/bots/messages.ts";
import { createTurnDraft, type TurnDraft } from "../conversation/turns/draft.ts";
import { UnpackedSession } from "../conversation/turns/packed-session.ts";
import type { Bot } from "../ports/conversation/bot.ts";
import type { LoadedSession } from "../ports/conversation/conversation-store.ts";
import { createQuestions } from "./questions.ts";
import { refuseTooLarge } from "./too-large.ts";

/** One turn in this process. */
interface RunningTurn {
  readonly number: number;
  /**
   * null: its answer has left. The tables that a `Map` has outgrown keep turns that are over until old memory is
   * collected. With its draft, half of all that turns read was copied there, 25 to 45 ms at a time.
   */
  draft: TurnDraft | null;
  /** The handler's own failure, or that of a promise which nothing awaits. */
  failed: { readonly error: unknown } | null;
}

/** The turns of this process. */
export interface RunningTurns {
  /** @param texts the five lines behind a turn's */
  hear(line: NodeLine, texts: readonly string[]): void;
  hearBytes(turn: number, ask: number, bytes: Uint8Array): void;
  /** Turns whose answers are not on their way. */
  readonly size: number;
  /** The turn in whose course this code runs; 0: none. */
  current(): number;
  /** The turn in whose course this code runs fails. False: it is over, or there is none. */
  failCurrent(error: unknown): boolean;
  /** The lines of the answers that wait for the end of this moment. */
  takeAnswers(): readonly string[];
}

/** Lines of a turn behind its first. */
export const turnTexts = 5;

/**
 * Runs the bot's handlers. An answer waits for the end of the moment, so that a failure beside it is met: answers of
 * one moment go together.
 * @param folder of the bot's sources
 */
export function createRunningTurns(
  bot: Bot,
  folder: string,
  out: {
    say(line: BotLine): void;
    onAnswers(): void;
    /** Whether turns that are over have left nothing under way. */
    isQuiet(): boolean;
  },
): RunningTurns {
  const running = new Map<number, RunningTurn>();
  const course = new AsyncLocalStorage<RunningTurn>();
  const questions = createQuestions(folder, out.say);
  let ended: RunningTurn[] = [];

  function end(turn: RunningTurn): void {
    if (ended.push(turn) === 1) out.onAnswers();
  }

  function fail(turn: RunningTurn, error: unknown): void {
    turn.failed ??= { error };
    turn.draft?.end(error);
  }

  function begin(line: TurnLine, texts: readonly string[]): void {
    const [, number, item, input, style, head] = line;
    const draft = createTurnDraft({
      item,
      session: sessionOf(head, texts),
      input: input ?? { kind: "text", text: item.text },
      style,
      steps: (name, call) => questions.step(number, name, call),
      media: {
        read: (_account, media, bytesMax) =>
          questions.ask((ask) => [botSays.download, number, ask, media, bytesMax]),
      },
      log: ({ level, message, fields }) => out.say([botSays.log, number, level, message, fields]),
    });
    const turn: RunningTurn = { number, draft, failed: null };
    running.set(number, turn);
    course.run(turn, handle, turn, draft);
  }

  function handle(turn: RunningTurn, draft: TurnDraft): void {
    const failing = (error: unknown): void => {
      fail(turn, error);
      end(turn);
    };
    try {
      const handled = bot.handle(draft.turn);
      if (handled === undefined) end(turn);
      else Promise.resolve(handled).then(() => end(turn), failing);
    } catch (error) {
      failing(error);
    }
  }

  return {
    hear(line, texts) {
      if (line[0] === nodeSays.turn) return begin(line, texts);
      const turn = running.get(line[1]);
      switch (line[0]) {
        case nodeSays.end:
          return turn?.draft?.end(errorOf(line[2]));
        case nodeSays.makeCall:
          return questions.makeCall(line[1], line[2], (call) =>
            turn === undefined ? call() : course.run(turn, call),
          );
        case nodeSays.outcome:
          return questions.answered(line[2], line[3]);
        case nodeSays.refusal:
          return questions.refused(line[2], line[3]);
      }
    },
    hearBytes(_turn, ask, bytes) {
      questions.answered(ask, new Uint8Array(bytes));
    },
    get size() {
      return running.size;
    },
    current: () => course.getStore()?.number ?? 0,
    failCurrent(error) {
      const turn = course.getStore();
      if (turn === undefined || !running.has(turn.number)) return false;
      fail(turn, error);
      return true;
    },
    takeAnswers() {
      const turns = ended;
      ended = [];
      for (const { number } of turns) running.delete(number);
      const isClean = running.size === 0 && out.isQuiet();
      return turns.map((turn) => {
        const line = answerOf(turn, isClean, folder);
        turn.draft = null;
        return line;
      });
    },
  };
}

function sessionOf(head: TurnLine[5], texts: readonly string[]): LoadedSession {
  const [id, decision, status, turns, lastSeq] = head;
  const [snapshot = "null", context = "null", progress = "null", said = "", recorded = ""] = texts;
  return new UnpackedSession({
    id,
    decision,
    status,
    turns,
    lastSeq,
    snapshot,
    context,
    progress,
    said: said === "" ? [] : [said],
    recorded: recorded === "" ? [] : [recorded],
  });
}

/** The line of an answer. */
function answerOf(
  { number, draft, failed }: RunningTurn,
  isClean: boolean,
  folder: string,
): string {
  const failure = (error: unknown): string =>
    JSON.stringify([botSays.failure, number, isClean, factsOf(error, folder)]);
  if (failed !== null) return failure(failed.error);
  try {
    const { state, context, progress, asked, toolOutputs, replies, stickyReply } = draft!.seal();
    const outputs = toolOutputs.map(({ name, output }) => ({ name, output: output ?? null }));
    const answer = { state, context, progress, asked, replies, stickyReply, toolOutputs: outputs };
    const json = JSON.stringify(answer);
    refuseTooLarge(json);
    return `[${botSays.answer},${number},${isClean},${json}]`;
  } catch (error) {
    return failure(error);
  }
}
