import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { AccountProtocol } from "../../commands/protocol.ts";
import { HoldfastError } from "../../errors.ts";
import type { JsonValue } from "../../ports/telegram/telegram.ts";
import { readText } from "../answers.ts";
import { askFleet } from "../ask.ts";
import { countIn } from "../count-in.ts";
import { holderLine, keyIdGiven, readHolders } from "../holders.ts";
import { onAccount } from "../on-account.ts";
import { proofText, readProof } from "../prove.ts";
import { sinceMs } from "../since.ts";
import { print } from "../print.ts";

const { env } = process;

/** Longer than Telegram may take to answer. */
const callMsMax = 35_000;
/** Messages in one answer. */
const historyPageMax = 100;

/** Commands that use an account through its holder, and those that name the holder. */
export function addUseCommands(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("call <account> <method> [params]")
    .description("call a method of Telegram through the account's holder")
    .addHelpText(
      "after",
      `\nparams is JSON: fields in camel case, 64-bit numbers as {"$long": "…"}, bytes as {"$bytes": "<base64>"}.\n\nExamples:\n  npx holdfast call site-desk help.getConfig\n  npx holdfast call site-desk users.getUsers '{"id": [{"_": "inputUserSelf"}]}'`,
    )
    .action(async (account: string, method: string, params = "{}") => {
      const body = { method, params: jsonIn(params) };
      const { result } = await onAccount(account, "invoke", body);
      print(JSON.stringify(result, null, 2));
    });

  program
    .command("send <account> <peer> [text]")
    .description("send a message; the text is read from standard input when it is not given")
    .option("--key <key>", "the same key twice is one message; made up when it is not given")
    .addHelpText(
      "after",
      `\nExamples:\n  npx holdfast send site-desk @bob "The crane comes at nine"\n  echo "The crane comes at nine" | npx holdfast send site-desk @bob --key crane-2`,
    )
    .action(async (account: string, peer: string, text?: string, options?: { key?: string }) => {
      const key = options?.key ?? randomUUID();
      const body = { peer, key, text: text ?? (await readText()) };
      const sent = await onAccount(account, "send", body);
      print(
        sent.repeated
          ? `${account}: it was delivered before, under the same key`
          : `${account}: sent as message ${sent.messageId}`,
      );
    });

  program
    .command("history <account> <peer>")
    .description("the newest messages of a chat, newest first")
    .option("--limit <n>", "at most so many", "20")
    .option("--before <id>", "only those that are older than this message")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample:\n  npx holdfast history site-desk @bob --limit 5")
    .action(async (account: string, peer: string, options: HistoryOptions) => {
      const messages = await readHistory(account, peer, options);
      if (options.json === true) return print(JSON.stringify(messages));
      if (messages.length === 0) print("no messages");
      for (const { messageId, outgoing, date, text } of messages) {
        const at = new Date(date * 1000).toISOString();
        print(`${at}  ${String(messageId).padStart(8)}  ${outgoing ? "→" : "←"}  ${text}`);
      }
    });

  program
    .command("who [account]")
    .description("who holds an account, where and since when")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  npx holdfast who\n  npx holdfast who site-bot")
    .action(async (account: string | undefined, { json }: { json?: boolean }) => {
      const holders = await readHolders(account === undefined ? {} : { account }, { env });
      if (json === true) return print(JSON.stringify(holders));
      if (holders.length === 0) {
        print(
          account === undefined
            ? "Nobody holds anything: no account is logged in yet."
            : `${account} has no session yet, so nobody holds one. Log it in with: npx holdfast auth ${account}`,
        );
      }
      for (const holder of holders) print(holderLine(holder));
      if (account !== undefined && holders[0] !== undefined) print(holders[0].next);
    });

  program
    .command("check [file]")
    .description(
      "may I use this session myself? exits with 0 only if the fleet does not have its key",
    )
    .option("--key-id <hex>", "the key's id in place of a session")
    .addHelpText(
      "after",
      "\nReads session strings, from a file or from standard input, and session files, of Telethon, Pyrogram, GramJS and\nmtcute; only you may be able to read the file. Dials nothing.\n\nExamples:\n  npx holdfast check my.session\n  npx holdfast check --key-id 0123456789abcdef",
    )
    .action(async (file: string | undefined, options: { keyId?: string }) => {
      const keyId = await keyIdGiven(file, options.keyId);
      const [holder] = await readHolders({ keyId }, { env });
      if (holder === undefined) return print(`${keyId}: the fleet does not have this key.`);
      setExitCode(1);
      print(`${keyId} belongs to the fleet. ${holderLine(holder)}`);
      print("Do not connect with it: two connections with one key end the session for ever.");
      print(holder.next);
    });

  program
    .command("prove [account]")
    .description("verify the ledger of connections: who held what, from when to when, and overlaps")
    .option("--since <time>", "30m, 12h, 7d, or a moment in ISO 8601", "24h")
    .option("--summary", "what is wrong and the counts, without a line for each connection")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExits with 0 only if every journal's chain holds and nothing overlaps. Undecided is what a host has not told\nyet: say it again in a few seconds, or start that host. Asleep is what was opened while another host's gate slept:\nit wrote nothing then, and whether Telegram had closed its connection nobody saw.\n\nExamples:\n  npx holdfast prove\n  npx holdfast prove site-bot --since 1h\n  npx holdfast prove --summary",
    )
    .action(async (account: string | undefined, options: ProveOptions) => {
      const fromMs = sinceMs(options.since, Date.now());
      const proof = await readProof(env, { fromMs, ...(account === undefined ? {} : { account }) });
      const { breaks, overlaps, asleep, undecided } = proof;
      const uncertain = asleep.length + undecided.length;
      if (breaks.length + overlaps.length + uncertain > 0) setExitCode(1);
      const text = () => proofText(proof, options.summary === true);
      print(options.json === true ? JSON.stringify(proof) : text());
    });

  program
    .command("driver <account> <driver>")
    .description("choose the client library that an account connects with: mtcute or telegram")
    .addHelpText(
      "after",
      "\nThe key and the login stay. It holds from the next connection on.\n\nExample:\n  npx holdfast driver site-bot telegram",
    )
    .action(async (account: string, driver: string) => {
      await askFleet("driver", { account, driver }, { env });
      print(
        `${account} connects with ${driver} from now on; to begin at once: npx holdfast force ${account}`,
      );
    });

  program
    .command("force <account>")
    .description(
      "take an account away from its holder; the fleet takes it up again where it belongs",
    )
    .addHelpText("after", "\nExample:\n  npx holdfast force site-bot")
    .action(async (account: string) => {
      const options = { env, timeoutMs: callMsMax };
      const { forced } = await askFleet("force", { account }, options);
      const what: Readonly<Record<string, string>> = {
        free: "nobody held it",
        fenced: "its holder has cut it",
        ended: "its holder did not answer; the whole host was ended and its accounts are free",
        moved: "it moved meanwhile; look again with: npx holdfast who",
      };
      print(`${account}: ${what[forced] ?? forced}`);
    });
}

interface ProveOptions {
  readonly since: string;
  readonly summary?: boolean;
  readonly json?: boolean;
}

interface HistoryOptions {
  readonly limit: string;
  readonly before?: string;
  readonly json?: boolean;
}

type Messages = AccountProtocol["history"]["answered"]["messages"];

/** The newest messages, page by page until there are so many. */
async function readHistory(
  account: string,
  peer: string,
  options: HistoryOptions,
): Promise<Messages> {
  const limit = countIn("--limit", options.limit);
  const found: Messages[number][] = [];
  let before = options.before === undefined ? null : countIn("--before", options.before);
  for (;;) {
    const body = { peer, limit: Math.min(limit - found.length, historyPageMax) };
    const page = await onAccount(account, "history", before === null ? body : { ...body, before });
    found.push(...page.messages);
    before = page.more;
    if (before === null || found.length >= limit) return found;
  }
}

function jsonIn(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new HoldfastError({
      code: "PARAMS_MALFORMED",
      message: `The parameters are not JSON: ${text.slice(0, 60)}`,
      next: `Quote them for the shell, as in: '{"limit": 10}'`,
      cause,
    });
  }
}
