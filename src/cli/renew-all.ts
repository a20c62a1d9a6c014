import type { CampaignAccount } from "../ports/callers/campaign-store.ts";
import { inBatches } from "../concurrency/in-batches.ts";
import { serially } from "../concurrency/serially.ts";
import { errorLine } from "../errors.ts";
import type { Answers } from "./answers.ts";
import { askAccount, askFleet, type AskOptions } from "./ask.ts";
import { followRenewal } from "./follow.ts";

export interface RenewAllOptions extends AskOptions {
  /** Names the campaign: the same reason again takes up what is left of it. */
  readonly because: string;
  readonly answers: Answers;
  print(line: string): void;
}

/** Renewals at a time: each takes a login at Telegram, and its account away for one reconnect. */
const atOnce = 3;
/** A renewal that was under way before the campaign does not count; another follows it. */
const triesMax = 2;
/** Longer than Telegram may take to answer. */
const askMsMax = 35_000;

/**
 * Moves every account to a fresh key. May be ended at any time and said again: what was renewed since the campaign
 * began is left alone. Resolves with the exit code: 0 when no account is left.
 */
export async function renewAll(options: RenewAllOptions): Promise<number> {
  const { because, print } = options;
  const asking = { env: options.env, timeoutMs: askMsMax };
  const campaign = await askFleet("campaign", { because }, asking);
  const due = campaign.accounts.filter(({ state }) => state === "due");
  const before = campaign.accounts.filter(({ state }) => state === "renewed").length;
  const [verb, count] = [campaign.known ? "taken up again" : "begun", campaign.accounts.length];
  print(`campaign ${campaign.id} is ${verb}: ${due.length} of ${count} accounts are due`);
  if (before > 0) print(`${before} were renewed since it began, and are left alone`);

  const failed = new Map<string, string>();
  const ask = serially();
  let done = 0;
  await inBatches(due, atOnce, async ({ account, givenUp }) => {
    // The same id twice is one renewal, also where one of a killed command ends just now.
    const id = `${campaign.id}.${account}.${givenUp}`;
    const why = await renewOne(account, id, options, ask);
    done += 1;
    if (why !== null) failed.set(account, why);
    print(`${account}: ${why ?? "renewed"} (${done}/${due.length})`);
  });

  const { accounts } = await askFleet("campaign", { because }, asking);
  const left = accounts.filter(({ state }) => state === "due" || state === "stopped");
  if (left.length === 0) await askFleet("campaign", { ended: campaign.id }, asking);
  for (const line of summary(accounts, failed, because)) print(line);
  return left.length === 0 ? 0 : 1;
}

/** null: it serves on a fresh key; else why not. */
async function renewOne(
  account: string,
  id: string,
  { env, because, answers, print }: RenewAllOptions,
  ask: ReturnType<typeof serially>,
): Promise<string | null> {
  const told: string[] = [];
  const asking = { env, timeoutMs: askMsMax };
  const how = {
    env,
    account,
    answers: {
      ...answers,
      // One question at a time, whatever is renewed beside it.
      secret: (prompt: string) => ask(() => answers.secret(`${account}: ${prompt}`)),
      password: (prompt: string) => ask(() => answers.password(`${account}: ${prompt}`)),
    },
    print(line: string) {
      told.push(line);
      print(`${account}: ${line.replace(`${account}: `, "")}`);
    },
  };
  try {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const { renewal } = await askAccount(account, "renew", { id }, asking);
      if ((await followRenewal(renewal, how)) !== 0) {
        return told.find((line) => line.startsWith("Why: ")) ?? "not renewed";
      }
      const { accounts } = await askFleet("campaign", { because }, asking);
      if (accounts.find((one) => one.account === account)?.state === "renewed") return null;
    }
    return "its renewal was under way before the campaign began";
  } catch (error) {
    return errorLine(error);
  }
}

function summary(
  accounts: readonly CampaignAccount[],
  failed: ReadonlyMap<string, string>,
  because: string,
): readonly string[] {
  const of = (state: CampaignAccount["state"]) => accounts.filter((one) => one.state === state);
  const [renewed, due, stopped, without] = [
    of("renewed"),
    of("due"),
    of("stopped"),
    of("no-session"),
  ];
  return [
    `${renewed.length} renewed, ${due.length} failed, ${stopped.length} stopped, ${without.length} without a session`,
    ...due.map(({ account }) => `failed: ${account}: ${failed.get(account) ?? "not tried"}`),
    ...stopped.map(
      ({ account }) => `stopped: ${account}: start it: npx holdfast resume ${account}`,
    ),
    ...(due.length + stopped.length === 0
      ? []
      : [`What is left is taken up by: npx holdfast renew --all --because ${because}`]),
  ];
}
