import { errorOf, factsOf } from "../adapters/bots/error-facts.ts";
import { type BotLine, botSays, type ErrorFacts } from "../adapters/bots/messages.ts";
import { refuseTooLarge } from "./too-large.ts";

/** What the turns of this process ask the node: outcomes of steps, and files. */
export interface Questions {
  /** @param call made where the node knows no outcome */
  step<T>(turn: number, name: string, call: () => Promise<T> | T): Promise<T>;
  ask<T>(line: (ask: number) => BotLine): Promise<T>;
  /** The node knows no outcome. @param within runs the call in its turn's course */
  makeCall(turn: number, ask: number, within: (call: () => unknown) => unknown): void;
  answered(ask: number, value: unknown): void;
  refused(ask: number, error: ErrorFacts): void;
}

interface Question extends PromiseWithResolvers<unknown> {
  readonly call: (() => unknown) | null;
  /** The call's own error, which comes back to the handler when the node has heard of it. */
  thrown?: { readonly error: unknown };
}

/** @param folder of the bot's sources */
export function createQuestions(folder: string, say: (line: BotLine) => void): Questions {
  const open = new Map<number, Question>();
  let newest = 0;

  function put<T>(call: Question["call"], line: (ask: number) => BotLine) {
    newest += 1;
    const question: Question = { ...Promise.withResolvers<unknown>(), call };
    open.set(newest, question);
    say(line(newest));
    return question.promise as Promise<T>;
  }

  /** Never rejects. */
  async function make(turn: number, ask: number, within: (call: () => unknown) => unknown) {
    const question = open.get(ask);
    try {
      const result = (await within(() => question?.call?.())) ?? null;
      refuseTooLarge(JSON.stringify(result));
      say([botSays.called, turn, ask, result]);
    } catch (error) {
      if (question !== undefined) question.thrown = { error };
      say([botSays.callFailed, turn, ask, factsOf(error, folder)]);
    }
  }

  function take(ask: number): Question | undefined {
    const question = open.get(ask);
    open.delete(ask);
    return question;
  }

  return {
    step: (turn, name, call) => put(call, (ask) => [botSays.step, turn, ask, name]),
    ask: (line) => put(null, line),
    makeCall: (turn, ask, within) => void make(turn, ask, within),
    answered: (ask, value) => take(ask)?.resolve(value),
    refused(ask, error) {
      const question = take(ask);
      question?.reject(question.thrown === undefined ? errorOf(error) : question.thrown.error);
    },
  };
}
