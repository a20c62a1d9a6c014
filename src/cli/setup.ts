import { join, resolve } from "node:path";
import type { Running } from "../embedded/launcher.ts";
import { ownerOfHome } from "../embedded/home-sweep.ts";
import { errorLine } from "../errors.ts";
import type { Answers } from "./answers.ts";
import { fleetAccounts } from "./fleet-status.ts";
import { logIn } from "./log-in.ts";
import { onAccount } from "./on-account.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface NewAccount {
  readonly name: string;
  readonly kind: "bot" | "user";
}

export interface SetupOptions {
  readonly env: Env;
  /** The first account; null: where there is none yet, it is left to its person. */
  readonly account: NewAccount | null;
  readonly answers: Answers;
  tell(line: string): void;
  /** Starts what the environment does not name; called where nothing runs in the home. */
  start(): Promise<Running>;
}

export interface SetUp {
  readonly home: string;
  readonly masterKey: string;
  /** Each account, and whether its session has answered a real call. */
  readonly accounts: readonly {
    readonly name: string;
    readonly well: boolean;
    readonly what: string;
  }[];
  readonly next: readonly string[];
}

/**
 * Brings a folder from nothing to a service that has proven itself: servers, schema, master key, first account, a real
 * call of each account. What it started is stopped again. It may be run twice, and beside a service that runs. Throws
 * the errors of the start, and those of the login.
 */
export async function setUp(options: SetupOptions): Promise<SetUp> {
  const { env, tell } = options;
  const home = resolve(env["HOLDFAST_HOME"] ?? ".holdfast");
  const runsAlready = ownerOfHome(home) !== null;
  tell(
    runsAlready
      ? "1/4 the service of this folder runs already"
      : "1/4 starting what no variable names: database, broker, gate and node",
  );
  const started = runsAlready ? null : await options.start();
  try {
    const masterKey = env["HOLDFAST_MASTER_KEY_FILE"] ?? join(home, "master.key");
    tell(`2/4 the master key is in ${masterKey}`);
    await addFirst(options);
    const accounts = await testAll(env, tell);
    return { home, masterKey, accounts, next: nextOf(masterKey, accounts, runsAlready) };
  } finally {
    await started?.stop();
  }
}

async function addFirst({ env, account, answers, tell }: SetupOptions): Promise<void> {
  const accounts = await fleetAccounts({ env });
  if (account === null || accounts.some(({ name }) => name === account.name)) {
    tell(
      `3/4 ${accounts.length === 0 ? "no account yet" : `${accounts.length} accounts are here`}`,
    );
    return;
  }
  const { name, kind } = account;
  tell(`3/4 adding ${name}, a ${kind}`);
  const asked = kind === "bot" ? "Bot token (not shown): " : "Phone number (not shown): ";
  const secret = await answers.secret(asked);
  await onAccount(name, "add", kind === "bot" ? { botToken: secret } : { phone: secret });
  await logIn({ account: name, answers, print: tell, env }, "auto");
}

async function testAll(env: Env, tell: SetupOptions["tell"]): Promise<SetUp["accounts"]> {
  const accounts = await fleetAccounts({ env });
  const tested: SetUp["accounts"][number][] = [];
  for (const [index, { name }] of accounts.entries()) {
    tell(`4/4 a real call of ${name} (${index + 1} of ${accounts.length})`);
    tested.push(
      await onAccount(name, "test", {}).then(
        ({ isBot, userId, tookMs }) => ({
          name,
          well: true,
          what: `Telegram answered ${isBot ? "bot" : "user"} ${userId} in ${tookMs} ms`,
        }),
        (error: unknown) => ({ name, well: false, what: errorLine(error) }),
      ),
    );
  }
  if (accounts.length === 0) tell("4/4 nothing to test yet");
  return tested;
}

function nextOf(
  masterKey: string,
  accounts: SetUp["accounts"],
  runsAlready: boolean,
): readonly string[] {
  const [first] = accounts;
  const failed = accounts.find(({ well }) => !well);
  return [
    ...(runsAlready ? [] : ["npx holdfast start"]),
    ...(failed === undefined ? [] : [`npx holdfast status ${failed.name}`]),
    first === undefined ? "npx holdfast add <name> --kind bot" : "npx holdfast status",
    `copy ${masterKey} to a safe place: without it no session can be read`,
    "npx holdfast backup <folder>",
  ];
}
