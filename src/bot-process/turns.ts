import { AsyncLocalStorage } from "node:async_hooks";
import { errorOf, factsOf } from "../adapters/bots/error-facts.ts";
import {
  type BotLine,
  botSays,
  lineCharactersMax,
  type NodeLine,
  nodeSays,
  type TurnLine,
} from "../adapters/bots/messages.ts";
import { createTurnDraft, type TurnDraft } from "../conversation/turns/draft.ts";
import { UnpackedSession } from "../conversation/turns/packed-session.ts";
import { HoldfastError } from "../errors.ts";
import type { Bot } from "../ports/conversation/bot.ts";
import type { Media } from "../ports/telegram/media.ts";

/** One turn in this process. */
interface RunningTurn {
  readonly number: number;
  readonly draft: TurnDraft;
  /** Questions to the node without an answer yet. */
  readonly asked: Map<number, PromiseWithResolvers<unknown>>;
  /** Calls of steps, should the node ask for them. */
  readonly calls: Map<number, () => unknown>;
  /** The handler's own failure, or that of a promise which nothing awaits. */
  failed: { readonly error: unknown } | null;
  hasEnded: boolean;
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

/** Of the JSON in a line. */
const answerCharactersMax = lineCharactersMax - 100;

/** Lines of a turn behind its first. */
export const turnTexts = 5;

/**
 * Runs the bot's handlers. An answer waits for the end of the moment, so that a failure beside it is met: answers of one
 * moment go together.
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
  /** Errors of calls on their way to the node and back. */
  const thrown = new Map<number, unknown>();
  let ended: RunningTurn[] = [];
  let asks = 0;

  /** The line of an answer; the node does not take one that is too long. */
  function answerOf({ number, draft, failed }: RunningTurn, isClean: boolean): string {
    const failure = (error: unknown): string =>
      JSON.stringify([botSays.failure, number, isClean, factsOf(error, folder)]);
    if (failed !== null) return failure(failed.error);
    try {
      const { state, context, progress, asked, toolOutputs, replies, stickyReply } = draft.seal();
      const outputs = toolOutputs.map(({ name, output }) => ({ name, output: output ?? null }));
      const answer = {
        state,
        context,
        progress,
        asked,
        replies,
        stickyReply,
        toolOutputs: outputs,
      };
      const json = JSON.stringify(answer);
      if (json.length > answerCharactersMax) throw tooLarge(json.length);
      return `[${botSays.answer},${number},${isClean},${json}]`;
    } catch (error) {
      return failure(error);
    }
  }

  function end(turn: RunningTurn): void {
    turn.hasEnded = true;
    if (ended.push(turn) === 1) out.onAnswers();
  }

  function fail(turn: RunningTurn, error: unknown): void {
    turn.failed ??= { error };
    turn.draft.end(error);
  }

  function ask<T>(turn: RunningTurn, line: (ask: number) => BotLine): Promise<T> {
    const number = (asks += 1);
    const outcome = Promise.withResolvers<unknown>();
    turn.asked.set(number, outcome);
    out.say(line(number));
    return outcome.promise as Promise<T>;
  }

  function begin([, number, item, input, style, head]: TurnLine, texts: readonly string[]): void {
    const [id, decision, status, turns, lastSeq] = head;
    const [snapshot = "null", context = "null", progress = "null", said = "", recorded = ""] =
      texts;
    const session = new UnpackedSession({
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
    const steps = <T>(name: string, call: () => Promise<T> | T): Promise<T> =>
      ask<T>(turn, (of) => {
        turn.calls.set(of, call);
        return [botSays.step, number, of, name];
      });
    const read = (_account: string, media: Media, bytesMax: number): Promise<Uint8Array> =>
      ask(turn, (of) => [botSays.download, number, of, media, bytesMax]);
    const draft = createTurnDraft({
      item,
      session,
      input: input ?? { kind: "text", text: item.text },
      style,
      steps,
      media: { read },
      log: ({ level, message, fields }) => out.say([botSays.log, number, level, message, fields]),
    });
    const turn: RunningTurn = {
      number,
      draft,
      asked: new Map(),
      calls: new Map(),
      failed: null,
      hasEnded: false,
    };
    running.set(number, turn);
    course.run(turn, handle, turn);
  }

  function handle(turn: RunningTurn): void {
    const failing = (error: unknown): void => {
      fail(turn, error);
      end(turn);
    };
    try {
      const handled = bot.handle(turn.draft.turn);
      if (handled === undefined) end(turn);
      else Promise.resolve(handled).then(() => end(turn), failing);
    } catch (error) {
      failing(error);
    }
  }

  /** Never rejects. */
  async function makeCall(turn: RunningTurn, asked: number): Promise<void> {
    const { number, calls } = turn;
    const call = calls.get(asked);
    calls.delete(asked);
    try {
      const result = (await course.run(turn, () => call?.())) ?? null;
      const length = JSON.stringify(result).length;
      if (length > answerCharactersMax) throw tooLarge(length);
      out.say([botSays.called, number, asked, result]);
    } catch (error) {
      // The error itself comes back to the handler when the node has heard of it.
      thrown.set(asked, error);
      out.say([botSays.callFailed, number, asked, factsOf(error, folder)]);
    }
  }
  function answered(turn: RunningTurn, asked: number) {
    const found = turn.asked.get(asked);
    turn.asked.delete(asked);
    turn.calls.delete(asked);
    return found;
  }

  return {
    hear(line, texts) {
      if (line[0] === nodeSays.turn) return begin(line, texts);
      const turn = running.get(line[1]);
      if (turn === undefined) {
        if (line[0] === nodeSays.refusal) thrown.delete(line[2]);
        return;
      }
      switch (line[0]) {
        case nodeSays.end:
          return turn.draft.end(errorOf(line[2]));
        case nodeSays.makeCall:
          return void makeCall(turn, line[2]);
        case nodeSays.outcome:
          return answered(turn, line[2])?.resolve(line[3]);
        case nodeSays.refusal: {
          const error = thrown.get(line[2]) ?? errorOf(line[3]);
          thrown.delete(line[2]);
          return answered(turn, line[2])?.reject(error);
        }
      }
    },
    hearBytes(number, asked, bytes) {
      const turn = running.get(number);
      if (turn !== undefined) answered(turn, asked)?.resolve(new Uint8Array(bytes));
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
      return turns.map((turn) => answerOf(turn, isClean));
    },
  };
}

const tooLarge = (characters: number): HoldfastError =>
  new HoldfastError({
    code: "BOT_ANSWER_TOO_LARGE",
    message: `The turn asked for ${characters} characters of JSON together, and may ask for ${answerCharactersMax}.`,
    next: "Keep less in the state, the context, the tool outputs and the outcomes of steps.",
  });
