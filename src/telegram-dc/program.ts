import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createPrivateKey, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { generateRsaKey } from "./protocol/server.ts";
import { startTelegramDc } from "./telegram-dc.ts";
import type { TelegramDc } from "./telegram-dc.ts";
import type { OverlapPolicy } from "./world/config.ts";
import { overlapPolicies } from "./world/config.ts";
import { ControlError } from "./world/control-error.ts";

/** What the launcher is told over the IPC channel once everything listens. */
export interface ReadyMessage {
  readonly type: "ready";
  readonly host: string;
  readonly port: number;
  readonly mediaPort: number;
  readonly control: string | undefined;
  readonly controlToken: string | undefined;
  readonly dcId: number;
  readonly rsaPublicKeyPem: string;
}

interface ProgramOptions {
  readonly host: string;
  readonly port: number;
  readonly mediaPort: number;
  readonly control?: number;
  readonly controlTokenFile?: string;
  readonly policy: OverlapPolicy | "off";
  readonly dcId: number;
  readonly schema: readonly string[];
  readonly key?: string;
  readonly state?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run telegram-dc -- --port 4430 --control 4431
      a data centre on port 4430, played through http://127.0.0.1:4431
  npm run telegram-dc -- --port 4430 --control 4431 --state dc.json
      the same, and accounts outlive a restart
  npm run telegram-dc -- --port 4430 --policy any-two-connections --schema layer-229.tl
      the strictest duplicate rule, and one more TL layer

docs/telegram-dc.md shows how client libraries connect.`;

/** Runs the data centre until a signal, or until the launcher goes away. Resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  const options = program.opts<ProgramOptions>();
  // Listened for from the start: a launcher that dies meanwhile must not leave this process behind.
  const told = untilTold();
  try {
    const dc = await start(options);
    announce(dc, options.json === true);
    await told;
    await dc.close();
    return 0;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`telegram-dc: ${text}\n`);
    return 1;
  }
}

function createProgram(): Command {
  return new Command("telegram-dc")
    .description("A simulated Telegram data centre for unmodified MTProto client libraries")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port for clients; 0 takes a free one", readPort, 0)
    .option("--media-port <port>", "port of the media address; 0 takes a free one", readPort, 0)
    .option("--control <port>", "port of the control API on 127.0.0.1", readPort)
    .option("--control-token-file <file>", "its token; made if the file does not exist")
    .addOption(
      new Option("--policy <name>", "which overlap kills a key")
        .choices([...overlapPolicies, "off"])
        .default("parallel-requests"),
    )
    .option("--dc-id <number>", "number of the data centre", readPositive, 2)
    .option("--schema <file>", "a .tl file with one more layer; may be repeated", collect, [])
    .option("--key <file>", "RSA private key in PEM; made if the file does not exist")
    .option("--state <file>", "keep accounts, keys and messages in this file")
    .option("--json", "print one line of JSON")
    .showHelpAfterError("(try: npm run telegram-dc -- --help)")
    .addHelpText("after", EXAMPLES)
    .exitOverride();
}

async function start(options: ProgramOptions): Promise<TelegramDc> {
  return startTelegramDc({
    host: options.host,
    port: options.port,
    mediaPort: options.mediaPort,
    controlPort: options.control,
    controlToken:
      options.controlTokenFile === undefined
        ? undefined
        : readOrMakeToken(options.controlTokenFile),
    config: { dcId: options.dcId, overlapPolicy: options.policy },
    schemaFiles: options.schema,
    rsaKey: options.key === undefined ? undefined : readOrMakeKey(options.key),
    stateFile: options.state,
  });
}

function announce(dc: TelegramDc, isJson: boolean): void {
  const { host, port, mediaPort, dcId, rsaPublicKeyPem, controlToken, controlUrl: control } = dc;
  const ready: ReadyMessage = {
    type: "ready",
    host,
    port,
    mediaPort,
    control,
    controlToken,
    dcId,
    rsaPublicKeyPem,
  };
  if (process.connected) process.send?.(ready);
  process.stdout.write(
    isJson
      ? `${JSON.stringify(ready)}\n`
      : `telegram-dc ready: data centre ${dcId} at ${host}:${port}, media at ${host}:${mediaPort}\n` +
          `control API: ${control ?? "none (give --control PORT)"}\n` +
          `${controlToken === undefined ? "" : `control token: ${controlToken}\n`}${rsaPublicKeyPem.trim()}\n`,
  );
}

/** A signal, or the end of the process that started this one. */
function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    const told = (): void => {
      resolve();
    };
    process.once("SIGINT", told);
    process.once("SIGTERM", told);
    // A terminal that closes, or a manager that signals every process of the service.
    process.once("SIGHUP", told);
    if (process.channel !== undefined) process.once("disconnect", told);
  });
}

/** @throws ControlError BAD_KEY_FILE */
function readOrMakeKey(path: string): KeyObject {
  let pem: string;
  try {
    pem = readFileSync(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
      throw badKeyFile(path, "cannot be read", error);
    }
    return makeKey(path);
  }
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyDetails?.modulusLength === 2048) return key;
  } catch (error) {
    throw badKeyFile(path, "does not hold an RSA private key", error);
  }
  throw badKeyFile(path, "does not hold a 2048-bit RSA key");
}

function makeKey(path: string): KeyObject {
  const key = generateRsaKey();
  try {
    writeFileSync(path, key.export({ format: "pem", type: "pkcs8" }), { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw badKeyFile(path, "cannot be written", error);
  }
  return key;
}

const tokenPattern = /^[\w-]{32,}$/;

/** @throws ControlError BAD_TOKEN_FILE */
function readOrMakeToken(path: string): string {
  try {
    if (!existsSync(path)) {
      const made = randomBytes(32).toString("base64url");
      writeFileSync(path, `${made}\n`, { mode: 0o600, flag: "wx" });
      return made;
    }
    const token = readFileSync(path, "utf8").trim();
    if (tokenPattern.test(token)) return token;
  } catch (error) {
    throw badTokenFile(path, "cannot be read or made", error);
  }
  throw badTokenFile(path, "does not hold 32 letters, digits, - or _");
}

const badTokenFile = (path: string, why: string, cause?: unknown) =>
  new ControlError(
    "BAD_TOKEN_FILE",
    500,
    `the token file ${path} ${why}; name another with --control-token-file, which is made if it does not exist`,
    { cause },
  );

function badKeyFile(path: string, why: string, cause?: unknown): ControlError {
  return new ControlError(
    "BAD_KEY_FILE",
    500,
    `the key file ${path} ${why}; name another file with --key, which is made if it does not exist`,
    { cause },
  );
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("give a port from 0 to 65535.");
}

function readPositive(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= 999) return number;
  throw new InvalidArgumentError("give a number from 1 to 999.");
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
