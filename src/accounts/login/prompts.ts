import { untilAborted } from "../../concurrency/wait.ts";
import type { Question } from "../../ports/accounts/question.ts";

/** Asks one thing at a time; codes and passwords pass through and are never kept. */
export interface Prompts {
  /** The current question; null: none. */
  readonly open: Question | null;
  /** Resolves with a person's answer. Rejects when `signal` aborts. */
  ask(question: Exclude<Question, { kind: "qr" }>, signal: AbortSignal): Promise<string>;
  /** Needs no typed answer: the question stands until it is replaced or withdrawn. */
  show(question: Extract<Question, { kind: "qr" }>): void;
  withdraw(of: string): void;
  /** `false` when this login or renewal asks for nothing of the kind now. */
  answer(of: string, kind: Question["kind"], value: string): boolean;
  /** A message of Telegram's service account, which may carry a code. */
  offer(serviceMessage: string): void;
  /** Codes of the service account, from now on: none is missed, as this begins before the code is requested. */
  readCodes(): ReadCodes;
}

export interface ReadCodes {
  /** The next code that was read. Rejects when `signal` aborts. */
  next(signal: AbortSignal): Promise<string>;
  stop(): void;
}

/** Telegram's codes are five digits, six where it says so. */
const codePattern = /(?<!\d)\d{5,6}(?!\d)/;

/** `onQuestion` hears of each question as it comes up. */
export function createPrompts(onQuestion: (question: Question) => void): Prompts {
  let open: Question | null = null;
  let give: ((value: string) => void) | null = null;
  const readers = new Set<(code: string) => void>();

  function put(question: Question): void {
    open = question;
    onQuestion(question);
  }

  return {
    get open() {
      return open;
    },
    ask(question, signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const end = () => {
          signal.removeEventListener("abort", stop);
          if (give !== take) return;
          give = null;
          open = null;
        };
        const take = (value: string) => {
          end();
          resolve(value);
        };
        const stop = () => {
          end();
          reject(new Error("the answer is not waited for any more"));
        };
        give = take;
        signal.addEventListener("abort", stop, { once: true });
        put(question);
      });
    },
    show: put,
    withdraw(of) {
      if (open?.of === of) open = null;
    },
    answer(of, kind, value) {
      if (give === null || open?.of !== of || open.kind !== kind) return false;
      give(value);
      return true;
    },
    offer(serviceMessage) {
      const code = codePattern.exec(serviceMessage)?.[0];
      if (code === undefined) return;
      for (const read of readers) read(code);
    },
    readCodes() {
      const codes: string[] = [];
      let wake = () => {};
      const read = (code: string) => {
        codes.push(code);
        wake();
      };
      readers.add(read);
      return {
        async next(signal) {
          for (;;) {
            const code = codes.shift();
            if (code !== undefined) return code;
            const woken = new Promise<void>((resolve) => (wake = resolve));
            await untilAborted(signal, woken);
          }
        },
        stop: () => void readers.delete(read),
      };
    },
  };
}
