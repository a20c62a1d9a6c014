import {
  type BotDied,
  type BotRun,
  type TurnAnswer,
  type TurnMaterial,
} from "../../ports/conversation/bot-runner.ts";
import { HoldfastError } from "../../errors.ts";
import type { BotLog } from "../../ports/conversation/bot-log.ts";
import type { LoadedSession } from "../../ports/conversation/conversation-store.ts";
import type { SessionTexts } from "../../ports/conversation/bot-runner.ts";
import type { Media } from "../../ports/telegram/media.ts";
import { createBotLog } from "../../ports/conversation/bounded-log.ts";
import { readAnswer } from "./bot-lines.ts";
import { errorOf, factsOf } from "./error-facts.ts";
import { type BotLine, botSays, type NodeLine, nodeSays } from "./messages.ts";

/** A line of a bot's process that is about one of its turns. */
export type LineOfTurn = Extract<
  BotLine,
  {
    readonly 0:
      | typeof botSays.answer
      | typeof botSays.failure
      | typeof botSays.step
      | typeof botSays.called
      | typeof botSays.callFailed
      | typeof botSays.download
      | typeof botSays.log;
  }
>;

/** The turns that one process of a bot has. */
export interface OpenTurns {
  begin(material: TurnMaterial, textsOf: (session: LoadedSession) => SessionTexts): BotRun;
  /** False: it is about no turn that the process has. */
  hear(line: LineOfTurn): boolean;
  readonly size: number;
  has(turn: number): boolean;
  /** The process has ended: each turn gets the error for it. */
  end(errorFor: (turn: number) => BotDied): void;
}

interface OpenTurn {
  readonly material: TurnMaterial;
  /** Questions that have no answer yet. */
  asked: number;
  /** Bounds what the process says that the bot logs; null: it has logged nothing. */
  log: BotLog | null;
  resolve(answer: TurnAnswer): void;
  reject(error: unknown): void;
}

/** @param to the process; lines of one moment go together */
export function createOpenTurns(to: {
  say(line: NodeLine, texts?: string): void;
  send(turn: number, ask: number, bytes: Uint8Array): void;
}): OpenTurns {
  const open = new Map<number, OpenTurn>();
  /** Calls of steps that the process makes, by their questions. One may outlast its turn. */
  const calls = new Map<number, PromiseWithResolvers<unknown>>();
  let newest = 0;

  /** Never rejects. */
  async function step(turn: number, of: OpenTurn, ask: number, name: string): Promise<void> {
    try {
      of.asked += 1;
      if (of.asked > askedMax) throw tooMany();
      const { material } = of;
      const outcome = await material.steps(name, () => {
        const call = Promise.withResolvers<unknown>();
        calls.set(ask, call);
        to.say([nodeSays.makeCall, turn, ask]);
        return call.promise;
      });
      to.say([nodeSays.outcome, turn, ask, outcome ?? null]);
    } catch (error) {
      to.say([nodeSays.refusal, turn, ask, factsOf(error, "")]);
    } finally {
      of.asked -= 1;
    }
  }

  /** Never rejects. */
  async function download(turn: number, of: OpenTurn, ask: number, file: Download): Promise<void> {
    try {
      of.asked += 1;
      if (of.asked > askedMax) throw tooMany();
      const { media, item } = of.material;
      to.send(turn, ask, await media.read(item.account, file.media, file.bytesMax));
    } catch (error) {
      to.say([nodeSays.refusal, turn, ask, factsOf(error, "")]);
    } finally {
      of.asked -= 1;
    }
  }

  function called(ask: number): PromiseWithResolvers<unknown> | undefined {
    const call = calls.get(ask);
    calls.delete(ask);
    return call;
  }

  return {
    begin(material, textsOf) {
      const turn = (newest += 1);
      const { promise, resolve, reject } = Promise.withResolvers<TurnAnswer>();
      open.set(turn, { material, asked: 0, log: null, resolve, reject });
      to.say(turnLine(turn, material), textLines(textsOf(material.session)));
      const end = (reason: unknown): void => {
        if (open.has(turn)) to.say([nodeSays.end, turn, factsOf(reason, "")]);
      };
      return { answer: promise, end };
    },
    hear(line) {
      const turn = line[1];
      if (line[0] === botSays.called) called(line[2])?.resolve(line[3]);
      if (line[0] === botSays.callFailed) called(line[2])?.reject(errorOf(line[3]));
      if (line[0] === botSays.called || line[0] === botSays.callFailed) return true;
      const found = open.get(turn);
      // A line of a turn that is over comes too late.
      if (line[0] === botSays.log) {
        const [, , level, message, fields] = line;
        if (found !== undefined)
          (found.log ??= createBotLog(found.material.log))[level](message, fields);
        return true;
      }
      if (found === undefined) return false;
      switch (line[0]) {
        case botSays.answer: {
          open.delete(turn);
          const answer = readAnswer(line[3]);
          if ("wrong" in answer) found.reject(malformed(answer.wrong));
          else found.resolve(answer);
          break;
        }
        case botSays.failure:
          open.delete(turn);
          found.reject(errorOf(line[3]));
          break;
        case botSays.step:
          void step(turn, found, line[2], line[3]);
          break;
        case botSays.download:
          void download(turn, found, line[2], { media: line[3], bytesMax: line[4] });
      }
      return true;
    },
    get size() {
      return open.size;
    },
    has: (turn) => open.has(turn),
    end(errorFor) {
      for (const [turn, { reject }] of open) reject(errorFor(turn));
      for (const call of calls.values()) call.reject(errorFor(0));
      open.clear();
      calls.clear();
    },
  };
}

/** Questions of one turn that are under way at the same time. */
const askedMax = 64;

interface Download {
  readonly media: Media;
  readonly bytesMax: number;
}

function turnLine(turn: number, { item, session, input, style }: TurnMaterial): NodeLine {
  const { id, decision, status, turns, lastSeq } = session;
  const head = [id, decision, status, turns, lastSeq] as const;
  return [nodeSays.turn, turn, item, input.kind === "text" ? null : input, style, head];
}

/** In the order in which `session-lines` reads them: a text of JSON has no end of line in it. */
const textLines = ({ snapshot, context, progress, said, recorded }: SessionTexts): string =>
  `${snapshot}\n${context ?? "null"}\n${progress ?? "null"}\n${said.join(",")}\n${recorded.join(",")}`;

const tooMany = (): HoldfastError =>
  new HoldfastError({
    code: "BOT_ASKS_TOO_MUCH",
    message: `More than ${askedMax} steps and downloads of one turn are under way.`,
    next: "Await some of them before the handler begins more.",
  });

const malformed = (wrong: string): HoldfastError =>
  new HoldfastError({
    code: "BOT_ANSWER_MALFORMED",
    message: `The bot's process answered what is no answer of a turn (${wrong}).`,
    next: "Let the bot use the turn alone, and pass it values of JSON.",
  });
