/**
 * Calls to ports that the test slows down: they wait, unanswered, until the test lets them go on.
 */
export interface HeldCalls {
  /** The same call; it waits where the state that makes it holds calls of this name. */
  around<Args extends readonly unknown[], Result>(
    name: string,
    call: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>;
  /**
   * Resolves once calls of this state wait that are not in `passed`; at once for a state that holds
   * none.
   */
  reached(state: string, passed: readonly HeldCall[]): Promise<void>;
  readonly waiting: readonly HeldCall[];
  /**
   * Releases the waiting calls of this state, and holds no later ones while it lasts; null: holds
   * as before.
   */
  letPass(state: string | null): void;
  /** Resolves when the next call of this name was answered. */
  answered(name: string): Promise<void>;
  /** Releases all calls, now and later. */
  end(): void;
}

export interface HeldCall {
  readonly state: string;
  readonly name: string;
  goOn(): void;
}

/** `points` names, for each state, the calls that wait there. */
export function createHeldCalls(
  points: Readonly<Record<string, readonly string[]>>,
  stateNow: () => string,
): HeldCalls {
  const waiting = new Set<HeldCall>();
  const onArrival = new Set<() => void>();
  const onAnswer = new Map<string, (() => void)[]>();
  let ended = false;
  let passing: string | null = null;

  function wait(state: string, name: string): Promise<void> {
    return new Promise((resolve) => {
      const call: HeldCall = {
        state,
        name,
        goOn() {
          waiting.delete(call);
          resolve();
        },
      };
      waiting.add(call);
      for (const look of onArrival) look();
    });
  }

  return {
    around:
      (name, call) =>
      async (...args) => {
        const state = stateNow();
        const isHeld = !ended && state !== passing && points[state]?.includes(name) === true;
        if (isHeld) await wait(state, name);
        try {
          return await call(...args);
        } finally {
          for (const tell of onAnswer.get(name)?.splice(0) ?? []) tell();
        }
      },
    reached: (state, passed) =>
      new Promise((resolve) => {
        const look = () => {
          const arrived = [...waiting].filter((call) => !passed.includes(call));
          const names = arrived.filter((call) => call.state === state).map(({ name }) => name);
          if (!(points[state] ?? []).every((name) => names.includes(name))) return;
          onArrival.delete(look);
          resolve();
        };
        onArrival.add(look);
        look();
      }),
    get waiting() {
      return [...waiting];
    },
    letPass(state) {
      passing = state;
      if (state === null) return;
      for (const call of waiting) call.goOn();
    },
    answered: (name) =>
      new Promise((resolve) => {
        onAnswer.set(name, [...(onAnswer.get(name) ?? []), resolve]);
      }),
    end() {
      ended = true;
      for (const call of waiting) call.goOn();
    },
  };
}
