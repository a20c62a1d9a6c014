import type { Command } from "commander";
import type { CallerRecord } from "../../ports/callers/caller-store.ts";
import { HoldfastError } from "../../errors.ts";
import { askFleet } from "../ask.ts";
import { print } from "../print.ts";
import { cutAtBroker, keysFolder, writeCredentials } from "../caller-credentials.ts";

const { env } = process;
const daySeconds = 86_400;

interface AddOptions {
  readonly role: string;
  readonly accounts: string;
  readonly days?: string;
  readonly key?: string;
  readonly keys?: string;
}

const ends = {
  cut: "every node refuses it, and NATS has cut it",
  written:
    "every node refuses it, and the broker's configuration does: have each nats-server read it again (SIGHUP)",
  elsewhere:
    "every node refuses it. NATS itself still lets it in: take its key out where the broker's keys lie",
} as const;

/** `holdfast caller`: who may speak to the fleet, beside its operator. */
export function addCallerCommands(program: Command): void {
  const caller = program
    .command("caller")
    .description("who may speak to the fleet: add, list and revoke callers");

  caller
    .command("add <name>")
    .description("make credentials for a program or a person, and write them to <name>.creds")
    .requiredOption("--role <role>", "read, send or operate; each includes those before it")
    .requiredOption("--accounts <names>", "the accounts that it may name, by commas, or: all")
    .option("--days <n>", "how long they hold; for ever when it is not given")
    .option("--key <public key>", "of a NATS user made elsewhere; no file is written")
    .option("--keys <folder>", "where the broker's keys lie; else in the home")
    .addHelpText(
      "after",
      "\nread asks, send writes to chats as well, operate moves sessions and settings as well. Any NATS client can use the\nfile; its inbox prefix is _INBOX.caller.<name>.\n\nExamples:\n  npx holdfast caller add ci --role read --accounts all --days 30\n  npx holdfast caller add shop --role send --accounts site-bot,site-desk",
    )
    .action(addCaller);

  caller
    .command("list")
    .description("the callers, their roles and accounts, the newest first")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast caller list\n  npx holdfast caller list --json",
    )
    .action(async ({ json }: { json?: boolean }) => {
      const { callers } = await askFleet("callers", {}, { env });
      print(json === true ? JSON.stringify(callers) : callerTable(callers));
    });

  caller
    .command("revoke <name>")
    .description("end a caller's credentials at once")
    .option("--keys <folder>", "where the broker's keys lie; else in the home")
    .addHelpText("after", "\nExample:\n  npx holdfast caller revoke ci")
    .action(async (name: string, { keys }: { keys?: string }) => {
      const { caller: revoked } = await askFleet("caller-revoke", { name }, { env });
      print(
        `${name}: revoked; ${ends[await cutAtBroker(env, keysFolder(env, keys), revoked.key)]}`,
      );
    });
}

async function addCaller(name: string, options: AddOptions): Promise<void> {
  const { role, key } = options;
  const accounts = options.accounts === "all" ? ("all" as const) : namesIn(options.accounts);
  const days = options.days === undefined ? undefined : daysIn(options.days);
  const asked = { name, role, accounts, ...(days === undefined ? {} : { days }) };
  if (key !== undefined) {
    const { caller } = await askFleet("caller-add", { ...asked, key }, { env });
    return print(callerLine(caller));
  }
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name)) throw nameMalformed();
  const written = await writeCredentials(keysFolder(env, options.keys), {
    name,
    accounts,
    expiresAtS: days === undefined ? null : Math.floor(Date.now() / 1000) + days * daySeconds,
  });
  try {
    const { caller } = await askFleet("caller-add", { ...asked, key: written.key }, { env });
    print(callerLine(caller));
    print(`Its credentials are in ${written.file}, readable by you only. Use them, for instance:`);
    print(`  HOLDFAST_NATS_CREDS=${written.file} npx holdfast status`);
  } catch (error) {
    written.remove();
    throw error;
  }
}

const namesIn = (text: string): readonly string[] => {
  const names = text.split(",").map((name) => name.trim());
  // Each becomes a part of a subject, where a star would be every account.
  if (names.every((name) => /^[A-Za-z0-9_-]+$/.test(name))) return names;
  throw new HoldfastError({
    code: "ACCOUNTS_MALFORMED",
    message: "Those are no names of accounts; nothing was changed.",
    next: "Give them by commas, as in: --accounts site-bot,site-desk; or: --accounts all",
  });
};

const daysIn = (text: string): number => {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new HoldfastError({
    code: "DAYS_MALFORMED",
    message: `"${text}" is no number of days; nothing was changed.`,
    next: "Give a whole number, as in: --days 30",
  });
};

const nameMalformed = () =>
  new HoldfastError({
    code: "CALLER_NAME_MALFORMED",
    message: "That is no name for a caller; nothing was changed.",
    next: "Give lower-case letters, digits, hyphens and underscores, at most 63, a letter or digit first.",
  });

const accountsOf = ({ accounts }: CallerRecord): string =>
  accounts === "all" ? "all accounts" : accounts.join(", ");

const callerLine = (caller: CallerRecord): string =>
  `${caller.name}: ${caller.role}, ${accountsOf(caller)}, ${
    caller.expiresAt === null ? "until it is revoked" : `until ${caller.expiresAt}`
  }`;

function callerTable(callers: readonly CallerRecord[]): string {
  if (callers.length === 0) {
    return "No callers yet. Add one with: npx holdfast caller add <name> --role read --accounts all";
  }
  return callers
    .map((caller) =>
      caller.revokedAt === null
        ? `${callerLine(caller)}  ${caller.key}`
        : `${caller.name}: revoked at ${caller.revokedAt}  ${caller.key}`,
    )
    .join("\n");
}
