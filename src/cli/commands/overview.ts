import { HoldfastError } from "../../errors.ts";
import { print } from "../print.ts";
import type { AskingAccount } from "../overview.ts";

const { env } = process;

/** So many accounts are asked for the question that they put to a person. */
const askedMax = 5;

/**
 * `holdfast` alone: the fleet in ten lines at most, and the next command. Resolves with the exit code, 0 also where
 * nothing runs.
 */
export async function showOverview(): Promise<number> {
  const { nothingAnswers, nothingRuns, overview } = await import("../overview.ts");
  const { screenColumns } = await import("../table.ts");
  const { askFleet } = await import("../ask.ts");
  const { onceMore } = await import("../once-more.ts");
  try {
    const [{ hosts }, { stored, accounts }] = await Promise.all([
      onceMore({ env }, (asking) => askFleet("hosts", {}, asking)),
      onceMore({ env }, (asking) => askFleet("health", {}, asking)),
    ]);
    const asking = await readQuestions(accounts.mayAsk.slice(0, askedMax));
    print(overview({ hosts, stored, accounts, asking }, screenColumns()));
  } catch (error) {
    const code = error instanceof HoldfastError ? error.code : null;
    const isOwn = !env["HOLDFAST_NATS_URL"];
    if (code === "NOT_RUNNING") print(nothingRuns);
    else if (code === "NATS_UNAVAILABLE" && isOwn) print(nothingAnswers);
    else throw error;
  }
  return 0;
}

/** The holder of an account alone knows what it asks; one that does not answer is left out. */
async function readQuestions(accounts: readonly string[]): Promise<readonly AskingAccount[]> {
  const { askAccount } = await import("../ask.ts");
  const all = await Promise.all(
    accounts.map((account) =>
      askAccount(account, "status", {}, { env }).then(
        ({ account: { question } }) => (question === null ? [] : [{ account, question }]),
        () => [],
      ),
    ),
  );
  return all.flat();
}
