import { parsed } from "../../../adapters/postgres/database.ts";
import type { Kernel, SimProcess } from "../kernel.ts";

/** What one statement is, beside its work. */
interface Kind {
  /** It writes nothing, and a read-only server answers it. */
  readonly reads?: boolean;
  /** It sets a message aside. */
  readonly parks?: boolean;
}

/** Carries out one statement, whole or not at all. Rejects as production's `Queries`. */
export type Ask = <Result>(run: () => Result, kind?: Kind) => Promise<Result>;

/** How the server ails; `share` of the statements meet it. */
export interface PostgresTrouble {
  readonly kind:
    | "read-only"
    /** Nothing can be reached. */
    | "away"
    /** The connection breaks: the outcome is unknown. */
    | "broken"
    /** No answer comes in time: the outcome is unknown. */
    | "silent"
    /** A lock is waited for in vain. */
    | "locked"
    | "slow"
    /** Nothing can be set aside: the right to that table is missing. */
    | "no-parking";
  readonly share: number;
}

/** An error of the server itself, as its client shows it. */
export class ServerError extends Error {
  readonly code: string | undefined;
  readonly constraint: string | undefined;
  readonly takesMs: number;

  constructor(message: string, of: { code?: string; constraint?: string; takesMs?: number } = {}) {
    super(message);
    this.code = of.code;
    this.constraint = of.constraint;
    this.takesMs = of.takesMs ?? 0;
  }
}

/** A process that asks. */
export interface Asker {
  readonly process: SimProcess;
  /** Called with each statement that has arrived. `lost`: the process has ended over it, before or after its effect. */
  onStatement(): "goes-on" | "lost-before" | "lost-after";
}

/** The server: latency, and what goes wrong on the way. */
export interface SimPostgres {
  trouble: PostgresTrouble | null;
  connect(asker: Asker): Ask;
  /** Statements that arrived. */
  readonly statements: number;
}

/** Facts with this name are of a turn that the server cannot write in the time that a statement may take. */
export const unwritableMark = "unwritable";

const latencyMsMax = 3;
const slowMsMax = 2_500;
const lockTimeoutMs = 10_000;
const queryTimeoutMs = 20_000;

/** `applies`: it takes effect although its error is told. */
interface Fate {
  readonly error: ServerError;
  readonly applies: boolean;
}

export function createSimPostgres(kernel: Kernel): SimPostgres {
  const { random } = kernel;
  let statements = 0;
  const delay = () => 0.2 + random.next() * latencyMsMax;

  function fateOf({ reads = false, parks = false }: Kind): Fate | null {
    const { trouble } = postgres;
    if (trouble === null || !random.chance(trouble.share)) return null;
    switch (trouble.kind) {
      case "read-only":
        return reads
          ? null
          : fate("cannot execute it in a read-only transaction", { code: "25006" });
      case "away":
        return fate("connect ECONNREFUSED", { code: "ECONNREFUSED" });
      case "broken":
        return fate("Connection terminated unexpectedly", {}, random.chance(0.5));
      case "silent":
        return fate("Query read timeout", { takesMs: queryTimeoutMs }, random.chance(0.5));
      case "locked":
        if (reads) return null;
        return fate("canceling it due to lock timeout", { code: "55P03", takesMs: lockTimeoutMs });
      case "no-parking":
        return parks ? fate("permission denied for table parked_turns", { code: "42501" }) : null;
      case "slow":
        return null;
    }
  }

  const extraMs = () => (postgres.trouble?.kind === "slow" ? random.next() * slowMsMax : 0);

  const postgres: SimPostgres = {
    trouble: null,
    get statements() {
      return statements;
    },
    connect:
      ({ process, onStatement }) =>
      (run, kind = {}) =>
        new Promise((resolve, reject) => {
          kernel.at(delay() + extraMs(), () => {
            statements += 1;
            const end = onStatement();
            if (end === "lost-before") return;
            const met = fateOf(kind);
            let answer: () => void;
            let takesMs = 0;
            try {
              const result = met === null || met.applies ? run() : undefined;
              if (met !== null) throw met.error;
              answer = () => resolve(result as Awaited<ReturnType<typeof run>>);
            } catch (error) {
              takesMs = error instanceof ServerError ? error.takesMs : 0;
              answer = () => reject(parsed(error));
            }
            process.deliver(delay() + takesMs, answer);
          });
        }),
  };
  return postgres;
}

const fate = (
  message: string,
  of: ConstructorParameters<typeof ServerError>[1],
  applies = false,
): Fate => ({ error: new ServerError(message, of), applies });
