import { deferred } from "./deferred.ts";

/**
 * A process that is killed at its nth call of a port: just before the call takes effect, or just
 * after.
 */
export interface Life {
  /** Calls begun so far. */
  readonly calls: number;
  readonly died: Promise<void>;
  readonly dead: boolean;
  /** The call as the process makes it. Dead, it makes none and learns nothing. */
  mortal<Args extends unknown[], Result>(
    call: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>;
}

export interface Death {
  readonly atCall: number;
  readonly when: "before" | "after";
  readonly onDeath: () => void;
}

export function createLife({ atCall, when, onDeath }: Death): Life {
  const died = deferred();
  let calls = 0;
  let dead = false;

  function die(): never {
    if (!dead) {
      dead = true;
      onDeath();
      died.resolve();
    }
    throw new Error("the process is dead");
  }

  return {
    died: died.promise,
    get calls() {
      return calls;
    },
    get dead() {
      return dead;
    },
    mortal:
      (call) =>
      async (...args) => {
        calls += 1;
        const last = calls === atCall;
        if (dead || (last && when === "before")) die();
        const result = await call(...args);
        if (dead || last) die();
        return result;
      },
  };
}
