/** Waits for one login code at a time; codes pass through and are never kept. */
export interface LoginCodes {
  /** A message of Telegram's service account, which may carry a code. */
  offer(serviceMessage: string): void;
  /** A code given by a person. `false` when nobody waits for one. */
  supply(code: string): boolean;
  /** Begins to wait, before the code is requested, so that none is missed. Rejects when `signal` aborts. */
  expect(signal: AbortSignal): Promise<string>;
}

/** Telegram's codes are five digits, six where it says so. */
const codePattern = /(?<!\d)\d{5,6}(?!\d)/;

export function createLoginCodes(): LoginCodes {
  let waiting: ((code: string) => void) | null = null;

  function supply(code: string): boolean {
    if (waiting === null) return false;
    waiting(code);
    waiting = null;
    return true;
  }

  return {
    supply,
    offer(serviceMessage) {
      const code = codePattern.exec(serviceMessage)?.[0];
      if (code !== undefined) supply(code);
    },
    expect: (signal) =>
      new Promise((resolve, reject) => {
        const give = (code: string) => {
          signal.removeEventListener("abort", stop);
          resolve(code);
        };
        const stop = () => {
          if (waiting === give) waiting = null;
          reject(new Error("nobody waits for a login code any more"));
        };
        if (signal.aborted) {
          stop();
          return;
        }
        waiting = give;
        signal.addEventListener("abort", stop, { once: true });
      }),
  };
}
