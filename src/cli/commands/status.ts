import { basename } from "node:path";
import type { Command } from "commander";
import { hostsBot, noBot } from "../../ports/accounts/chosen-bot.ts";
import { wellStates } from "../../commands/account-health.ts";
import type { AccountStatus } from "../../commands/account-status.ts";
import { askAccount, type AskOptions } from "../ask.ts";
import { fleetAccounts } from "../fleet-status.ts";
import { print, printError } from "../print.ts";
import { screenColumns, table } from "../table.ts";
import { unreadyHere } from "../unready-here.ts";

interface StatusResult {
  /** 0 when every account shown serves or is paused on purpose, else 1; 1 too where this home's host is not ready. */
  readonly exitCode: number;
  readonly accounts: readonly AccountStatus[];
}

const { env } = process;
const homeOf = (of: AskOptions["env"]): string => of["HOLDFAST_HOME"] ?? ".holdfast";

/** `holdfast status`: where each account is, for a person or as JSON. */
export function addStatusCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("status [account]")
    .alias("accounts")
    .description("where each account is, and why")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast status\n  npx holdfast status site-bot --json",
    )
    .action(async (account: string | undefined, { json }: { json?: boolean }) => {
      const status = await readStatus(account, { env });
      const { accounts } = status;
      // Of one account the whole reason is wanted, of all of them a table that fits the screen.
      const columns = account === undefined ? screenColumns() : null;
      print(json === true ? JSON.stringify({ accounts }) : statusTable(accounts, columns));
      setExitCode(status.exitCode);
      const unready = account === undefined ? await unreadyHere(homeOf(env)) : null;
      if (unready === null) return;
      printError(`holdfast: this host is not ready: ${unready}`);
      setExitCode(1);
    });
}

/** The state of one account, or of all. Throws ACCOUNT_UNKNOWN, NOT_RUNNING, NATS_UNAVAILABLE, NODE_UNAVAILABLE. */
async function readStatus(account: string | undefined, options: AskOptions): Promise<StatusResult> {
  const accounts =
    account === undefined
      ? await fleetAccounts(options)
      : [(await askAccount(account, "status", {}, options)).account];
  const exitCode = accounts.every(({ state }) => wellStates.has(state)) ? 0 : 1;
  return { exitCode, accounts };
}

/** The bot that answers; a file by its name alone. */
function botOf({ bot, kind }: AccountStatus): string {
  return bot === null ? (kind === "bot" ? hostsBot : noBot) : basename(bot);
}

/** The command that the account waits for; empty for none. */
function remedyOf({ name, state, question }: AccountStatus): string {
  if (state.startsWith("quarantined")) return `npx holdfast recover ${name}`;
  if (state === "unauthorised.waiting") return `npx holdfast auth ${name}`;
  if (question === null || question.kind === "qr") return "";
  return `npx holdfast answer ${name} --of ${question.of} --kind ${question.kind}`;
}

/** What Telegram wants left alone, and until when. */
function waitNote({ method, chats, until }: AccountStatus["waits"][number]): string {
  return `${method}${chats === null ? "" : ` to ${chats} chat(s)`} rests until ${until}`;
}

/** A table for a person: one line an account, and why where something is wrong. */
function statusTable(accounts: readonly AccountStatus[], columns: number | null): string {
  if (accounts.length === 0) {
    return "No accounts yet. Add one with: npx holdfast add <name> --kind bot";
  }
  const rows = accounts.map((account) => {
    const { name, kind, state, slot, epoch, host, reason, renewal } = account;
    return [
      name,
      kind,
      state,
      slot === null ? "–" : String(slot),
      epoch === null ? "–" : String(epoch),
      host,
      botOf(account),
      [
        renewal === null ? "" : `renewal ${renewal.id} ${renewal.state}`,
        account.bound === null ? "" : `${account.bound.name} until ${account.bound.endsAt} at most`,
        account.question === null
          ? ""
          : `${account.question.of} asks for a ${account.question.kind}`,
        account.coolingUntil === null ? "" : `Telegram wants silence until ${account.coolingUntil}`,
        ...account.waits.map(waitNote),
        reason?.message ?? "",
        remedyOf(account),
      ]
        .filter((note) => note !== "")
        .join("; "),
    ];
  });
  const heads = ["ACCOUNT", "KIND", "STATE", "SLOT", "EPOCH", "HOST", "BOT", "NOTE"];
  return table([heads, ...rows], columns);
}
