import { type Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import { readAccountName } from "../../ports/accounts/account-name.ts";
import type { NewAccount, SetUp } from "../setup.ts";
import { print, printError } from "../print.ts";

const { env } = process;

interface SetupGiven {
  readonly account?: string;
  readonly kind?: NewAccount["kind"];
  readonly json?: boolean;
}

/** `holdfast setup`: from an empty folder to a service that has proven itself. */
export function addSetupCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("setup")
    .description(
      "prepare this folder: servers, master key, first account, and a test of each account",
    )
    .option(
      "--account <name>",
      "add this account; its bot token or phone number is read from standard input",
    )
    .addOption(new Option("--kind <kind>", "what --account is").choices(["bot", "user"]))
    .option(
      "--json",
      "as JSON: home, masterKey, accounts (name, well, what), next; steps go to the error output",
    )
    .addHelpText(
      "after",
      "\nWhat it starts it stops again, and what runs is left running. It may be run again. With the simulated Telegram the two\nexample accounts are made. Exits with 1 when an account does not answer.\n\nExamples:\n  npx holdfast setup\n  npx holdfast setup --account shop --kind bot < token.txt",
    )
    .action(async ({ account, kind, json }: SetupGiven) => {
      if ((account === undefined) !== (kind === undefined)) throw halfNamed();
      const name = account === undefined ? null : readAccountName(account);
      const [{ setUp }, { createAnswers }] = await Promise.all([
        import("../setup.ts"),
        import("../answers.ts"),
      ]);
      const answers = createAnswers();
      try {
        const made = await setUp({
          env,
          account: name === null ? null : { name, kind: kind! },
          answers,
          tell: printError,
          start,
        });
        print(json === true ? JSON.stringify(made) : setupText(made));
        setExitCode(made.accounts.every(({ well }) => well) ? 0 : 1);
      } finally {
        answers.close();
      }
    });
}

async function start() {
  const [{ startEmbedded }, { provisionExampleAccounts }, { takeEnvironment }] = await Promise.all([
    import("../../embedded/launcher.ts"),
    import("../../embedded/provision.ts"),
    import("../../config/secrets.ts"),
  ]);
  const log = (line: string) => printError(`    ${line}`);
  const given = takeEnvironment({ ...env });
  return startEmbedded({ env: given, log, provision: provisionExampleAccounts });
}

const setupText = ({ home, accounts, next }: SetUp): string =>
  [
    `${home} is set up`,
    ...accounts.map(({ name, well, what }) => `${well ? "✔" : "✘"} ${name}: ${what}`),
    "Next:",
    ...next.map((step) => `  ${step}`),
  ].join("\n");

const halfNamed = () =>
  new HoldfastError({
    code: "OPTION_MALFORMED",
    message: "--account and --kind go together; nothing was done.",
    next: "Type: npx holdfast setup --account shop --kind bot",
  });
