import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { fingerprintOf } from "../../adapters/crypto/key-ring.ts";
import type { NodeProtocol } from "../../commands/node-protocol.ts";
import { readMasterKeys } from "../../config/values.ts";
import { HoldfastError } from "../../errors.ts";
import { askAnyNode, askEveryNode, type Told } from "../ask.ts";
import { stopAccount } from "../stop-account.ts";
import { stopService } from "../stop-service.ts";
import { print } from "../print.ts";

const { env } = process;

const keyBytes = 32;
const resealMsMax = 600_000;

/** Commands for the service itself. */
export function addServiceCommands(program: Command): void {
  program
    .command("stop [account]")
    .description("stop one account, or everything that `holdfast start` started in this folder")
    .option("--force", "cut what is in flight")
    .addHelpText(
      "after",
      "\nReturns when it has really stopped: 0 sockets, every token free, no process left. What is in flight may end\nwithin 15 s, connections close within 10 s.\n\nExamples:\n  npx holdfast stop\n  npx holdfast stop site-desk --force",
    )
    .action(async (account: string | undefined, { force }: { force?: boolean }) => {
      if (account !== undefined) return stopAccount(account, force === true);
      const ran = await stopService(env["HOLDFAST_HOME"] ?? ".holdfast", force === true, print);
      print(ran ? "stopped: no process is left" : "Nothing runs in this folder.");
    });

  program
    .command("rotate-key")
    .description("encrypt everything stored under a new master key, while serving")
    .addHelpText(
      "after",
      "\nWrites the new key into this host's key file behind the old one. With several hosts, copy that file to all of them\nwhen told so and run it again. Keep the old key with the backups that it can read.\n\nExample:\n  npx holdfast rotate-key",
    )
    .action(rotateKey);
}

/** Old and new key known everywhere → the new one first everywhere → everything encrypted anew → the old one out. */
async function rotateKey(): Promise<void> {
  const file = keyFile();
  const text = await readFile(file, "utf8").catch(() => null);
  const reading = text === null ? null : readMasterKeys(text);
  if (reading === null || !("value" in reading)) throw noKeyFile(file);
  const [current, staged] = reading.value;
  const next = staged ?? randomBytes(keyBytes);
  const [from, to] = [fingerprintOf(current!), fingerprintOf(next)];
  await writeKeys(file, [current!, next]);
  print(`1/4 the new key ${to} stands in ${file}, behind ${from}`);
  await everyHost("knows", file, (answer) => fingerprintsIn(answer).includes(to));
  print("2/4 every host can read what is encrypted under it");
  await writeKeys(file, [next, current!]);
  await everyHost("encrypts under", file, (answer) => answer.sealing === to);
  print("3/4 every host encrypts under it");
  const { resealed, fingerprints } = await askAnyNode(
    "reseal",
    { under: to },
    { env, timeoutMs: resealMsMax },
  );
  if (String(fingerprints) !== to) throw notAll(String(fingerprints));
  await writeFile(`${file}.${from}.old`, `${current!.toString("base64")}\n`, { mode: 0o600 });
  await writeKeys(file, [next]);
  await askEveryNode("keys", {}, { env });
  print(`4/4 ${String(resealed)} texts are encrypted anew; the old key is in ${file}.${from}.old`);
  print(
    "Keep it with the backups that were made until now; other hosts may drop it from their files.",
  );
}

type Keys = Told<NodeProtocol["keys"]["answered"]>;

const fingerprintsIn = ({ fingerprints }: Keys): readonly string[] => fingerprints ?? [];

async function everyHost(
  what: string,
  file: string,
  holds: (answer: Keys) => boolean,
): Promise<void> {
  const answers = await askEveryNode("keys", {}, { env });
  const lacking = answers.filter((answer) => !holds(answer)).map(({ host }) => String(host));
  const hosts = Math.max(0, ...answers.map((answer) => answer.hosts ?? 0));
  if (answers.length > 0 && lacking.length === 0 && answers.length >= hosts) return;
  throw new HoldfastError({
    code: "MASTER_KEY_NOT_EVERYWHERE",
    message:
      lacking.length > 0
        ? `Not every host ${what} the new key yet: ${lacking.join(", ")}. Nothing was encrypted anew.`
        : `Only ${answers.length} of ${hosts} hosts answered. Nothing was encrypted anew.`,
    next: `Copy ${file} there as it is now (or set HOLDFAST_MASTER_KEY to its lines, joined by commas, and start that host anew), then: npx holdfast rotate-key`,
  });
}

function keyFile(): string {
  const named = env["HOLDFAST_MASTER_KEY_FILE"];
  return named === undefined || named === ""
    ? join(resolve(env["HOLDFAST_HOME"] ?? ".holdfast"), "master.key")
    : resolve(named);
}

/** Whole or not at all, and readable by its owner only. */
async function writeKeys(file: string, keys: readonly Buffer[]): Promise<void> {
  const text = keys.map((key) => `${key.toString("base64")}\n`).join("");
  const beside = `${file}.new`;
  await writeFile(beside, text, { mode: 0o600, flush: true });
  await rename(beside, file);
}

const noKeyFile = (file: string) =>
  new HoldfastError({
    code: "MASTER_KEY_MISSING",
    message: `${file} ${existsSync(file) ? "does not hold a master key" : "is not there"}; nothing was changed.`,
    next: "Name the file in HOLDFAST_MASTER_KEY_FILE. A key in HOLDFAST_MASTER_KEY is rotated by setting new,old on every host.",
  });

const notAll = (left: string) =>
  new HoldfastError({
    code: "RESEAL_UNFINISHED",
    message: `Something is still encrypted under another key: ${left}. Both keys stay in the file.`,
    next: "Try again: npx holdfast rotate-key",
  });
