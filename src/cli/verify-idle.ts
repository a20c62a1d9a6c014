import { join, resolve } from "node:path";
import { ownerOfSocket } from "../embedded/dead-owners.ts";
import { entriesOf } from "../embedded/home-leftovers.ts";
import { runningIn } from "../embedded/process-records.ts";
import type { HeldTokens } from "../ports/hygiene.ts";
import { withHygiene } from "./fleet-sweep.ts";
import { isAlive } from "./stop-service.ts";

/** One thing that was looked at after a stop. */
export interface Verified {
  readonly what: "processes" | "sockets" | "tokens";
  /** null: it cannot be known from here. */
  readonly well: boolean | null;
  readonly text: string;
}

export interface GateIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Nothing of these processes, and nothing that the home records, runs. */
export function verifyProcesses(home: string, pids: readonly number[]): Verified {
  const running = [...pids.filter(isAlive), ...runningIn(resolve(home)).map(({ pid }) => pid)];
  const still = [...new Set(running)];
  const text =
    still.length > 0
      ? `these still run: ${still.join(", ")}`
      : pids.length === 0
        ? "none runs"
        : `none of ${pids.length} runs any more`;
  return { what: "processes", well: still.length === 0, text };
}

/** Nobody listens on a socket of the home. */
export async function verifySockets(home: string): Promise<Verified> {
  const sockets = ["run", "postgres"].flatMap((folder) =>
    entriesOf(join(home, folder))
      .filter((entry) => entry.isSocket())
      .map(({ name }) => `${folder}/${name}`),
  );
  const owners = await Promise.all(sockets.map((name) => ownerOfSocket(join(home, name))));
  const open = sockets.filter((_, at) => owners[at] !== "dead");
  const text = open.length === 0 ? "none in the home answers" : `open: ${open.join(", ")}`;
  return { what: "sockets", well: open.length === 0, text };
}

/** Follows the tokens of a gate's incarnation through its stop. */
export interface TokenWatch {
  /** The database's last answer so far. */
  seen(): HeldTokens | null;
  /** What is known of them once the gate has ended. */
  end(): Promise<Verified>;
}

const lookMs = 20;

/** An embedded database ends with the service: then its last answer is what is known. */
export function watchTokens(url: string, gate: GateIdentity): TokenWatch {
  let last: HeldTokens | null = null;
  let isOver = false;
  const watching = withHygiene(url, async (hygiene) => {
    while (!isOver) {
      last = (await hygiene.heldBy(gate)) ?? last;
      await new Promise((done) => setTimeout(done, lookMs));
    }
  }).catch(() => undefined);
  return {
    seen: () => last,
    async end() {
      isOver = true;
      await watching;
      const after = await withHygiene(url, (hygiene) => hygiene.heldBy(gate)).catch(() => null);
      return tokensText(after, last);
    },
  };
}

function tokensText(after: HeldTokens | null, last: HeldTokens | null): Verified {
  const what = "tokens";
  if (after !== null) {
    const text = `${after.tokens} held by this host's incarnation, as the database says now`;
    return { what, well: after.tokens === 0, text };
  }
  if (last === null) return { what, well: null, text: "the database did not answer" };
  if (last.tokens === 0)
    return { what, well: true, text: "0 held, as the database said before it ended" };
  const text = `${last.tokens} held when the database last answered; the next start frees them`;
  return { what, well: null, text };
}
