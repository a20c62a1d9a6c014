import type { Command } from "commander";
import { choicesOf, loginMethods, renewalMethods } from "../../accounts/login/methods.ts";
import type { AccountProtocol } from "../../commands/protocol.ts";
import { HoldfastError } from "../../errors.ts";
import { type Answers, createAnswers } from "../answers.ts";
import { askAccount } from "../ask.ts";
import { followLogin, type FollowOptions, followRenewal } from "../follow.ts";
import { type ForeignProgram, foreignPrograms, readForeignSession } from "../foreign-session.ts";
import { holderLine, readHolders } from "../holders.ts";

const { env, stdout } = process;
const print = (text: string): void => void stdout.write(`${text}\n`);
/** Longer than Telegram may take to answer. */
const callMsMax = 35_000;
/** The bounds of a stop: calls in flight may end, connections close, the token is freed. */
const stopMsMax = 45_000;

type SetExitCode = (code: number) => void;

export const onAccount = <Verb extends keyof AccountProtocol>(
  account: string,
  verb: Verb,
  body: AccountProtocol[Verb]["asked"],
  timeoutMs = callMsMax,
) => askAccount(account, verb, body, { env, timeoutMs });

/** Asks and follows, and closes the input whatever happens. */
async function following(
  account: string,
  work: (options: FollowOptions, answers: Answers) => Promise<number>,
): Promise<number> {
  const answers = createAnswers();
  try {
    return await work({ account, answers, print, env }, answers);
  } finally {
    answers.close();
  }
}

/** Commands for the sessions of accounts: how they come, stay, are renewed and go. */
export function addSessionCommands(program: Command, setExitCode: SetExitCode): void {
  addNewcomers(program, setExitCode);
  addLogins(program, setExitCode);
  addStates(program);
}

function addNewcomers(program: Command, setExitCode: SetExitCode): void {
  program
    .command("add <account>")
    .description("add an account; a bot token or a phone number is read from standard input")
    .requiredOption("--kind <kind>", "bot or user")
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .option("--device <name>", "what Telegram shows in the list of devices, for every key to come")
    .option("--proxy <url>", "socks5://, socks4:// or http:// address to connect through")
    .addHelpText("after", '\nExample:\n  echo "$BOT_TOKEN" | npx holdfast add site-bot --kind bot')
    .action(async (account: string, options: Readonly<Record<string, string>>) => {
      const { kind, ...how } = options;
      const answers = createAnswers();
      const secret = await answers
        .secret(kind === "bot" ? "Bot token (not shown): " : "Phone number (not shown): ")
        .finally(() => answers.close());
      const login = kind === "bot" ? { botToken: secret } : { phone: secret };
      await onAccount(account, "add", { ...login, ...how });
      print(`${account} is added. Log it in with: npx holdfast auth ${account}`);
    });

  program
    .command("import <account> [session]")
    .description("take over the session of another program, and move it to a fresh key")
    .requiredOption("--from <program>", `whose session: ${foreignPrograms.join(", ")}`)
    .option("--stopped", "the other program is stopped for good (asked for otherwise)")
    .option("--keep", "stay on the imported key; by default it is handed off and logged out")
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .option("--device <name>", "what Telegram shows in the list of devices, for every key to come")
    .option("--proxy <url>", "socks5://, socks4:// or http:// address to connect through")
    .addHelpText(
      "after",
      "\nThe session is a string, a file that holds one, or Telethon's .session file; without one it is read from\nstandard input. It connects once, is handed off to a fresh key, and is then logged out.\n\nExamples:\n  npx holdfast import desk telegram_session.session --from telethon --stopped\n  npx holdfast import desk --from gramjs --stopped < session.txt",
    )
    .action(async (account: string, session: string | undefined, options: ImportOptions) => {
      setExitCode(
        await following(account, (how, answers) => runImport(session, options, how, answers)),
      );
    });
}

interface ImportOptions {
  readonly from: string;
  readonly stopped?: boolean;
  readonly keep?: boolean;
  readonly driver: string;
  readonly device?: string;
  readonly proxy?: string;
}

async function runImport(
  session: string | undefined,
  { from, stopped, keep = false, ...how }: ImportOptions,
  options: FollowOptions,
  answers: Answers,
): Promise<number> {
  const { account } = options;
  const program = programNamed(from);
  const { dcId, key } = await readForeignSession(
    program,
    session ?? (await answers.secret("Session string (not shown): ")),
  );
  const isStopped =
    stopped === true ||
    (await answers.confirm(`Two programs on one session end it for ever. Is ${from} stopped?`));
  if (!isStopped) throw notStopped(account);
  const body = { dcId, key: Buffer.from(key).toString("base64"), stopped: true, keep, ...how };
  await onAccount(account, "import", body);
  print(`${account}: the session is stored, encrypted; it connects once to see whose it is`);
  const exitCode = await logIn(options, "import");
  if (exitCode !== 0 || keep) return exitCode;
  print(`${account}: moving to a fresh key, by handoff`);
  const { renewal } = await onAccount(account, "renew", { method: "handoff" });
  return followRenewal(renewal, options);
}

async function logIn(options: FollowOptions, method: string): Promise<number> {
  // An account that was only just added is taken up within moments.
  for (let triesLeft = 20; ; triesLeft -= 1) {
    try {
      const { login } = await onAccount(options.account, "login", { method });
      return await followLogin(login, options);
    } catch (error) {
      const isEarly = error instanceof HoldfastError && error.code === "ACCOUNT_NOT_RUNNING";
      if (!isEarly || triesLeft === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

function addLogins(program: Command, setExitCode: SetExitCode): void {
  program
    .command("auth <account>")
    .alias("login")
    .description("log an account in that has no working key")
    .option("--method <method>", choicesOf(loginMethods), "auto")
    .addHelpText(
      "after",
      "\nAsks for the code and the 2FA password, or shows a QR code. Nothing that you type is shown or kept.\n\nExamples:\n  npx holdfast auth site-desk\n  npx holdfast auth site-desk --method qr",
    )
    .action(async (account: string, { method }: { method: string }) => {
      setExitCode(await following(account, (options) => logIn(options, method)));
    });

  program
    .command("renew <account>")
    .description("move the account to a fresh key without a logout")
    .option("--method <method>", choicesOf(renewalMethods), "auto")
    .option("--id <id>", "the same id twice is one renewal")
    .option("--safe", "as every renewal is; accepted for those who are used to saying it")
    .option("--no-wait", "begin it and do not wait for its end")
    .addHelpText(
      "after",
      "\nThe account serves on its old key until the new one is logged in; then it is away for one reconnect. Whatever\ngoes wrong leads back to the old key, with the reason and exit code 1.\n\nExamples:\n  npx holdfast renew site-desk\n  npx holdfast renew site-desk --method qr\n  npx holdfast renew site-bot --id nightly-2026-11-21 --no-wait",
    )
    .action(async (account: string, options: { method: string; id?: string; wait: boolean }) => {
      const { method, id } = options;
      const { renewal, known } = await onAccount(account, "renew", {
        method,
        ...(id === undefined ? {} : { id }),
      });
      if (!options.wait) return print(`${account}: renewal ${renewal} has begun`);
      if (known) print(`${account}: renewal ${renewal} is known already`);
      setExitCode(await following(account, (how) => followRenewal(renewal, how)));
    });

  program
    .command("recover <account>")
    .description("bring an account back whose key is dead, step by step")
    .option("--method <method>", choicesOf(loginMethods), "auto")
    .addHelpText("after", "\nExample:\n  npx holdfast recover site-desk --method qr")
    .action(async (account: string, { method }: { method: string }) => {
      setExitCode(await following(account, (options) => recover(method, options)));
    });

  program
    .command("answer <account>")
    .description("answer what a login or a renewal asks; the answer is read from standard input")
    .requiredOption("--of <id>", "the login or renewal that asks, as `status` shows it")
    .option("--kind <kind>", "code or password", "code")
    .addHelpText("after", "\nExample:\n  npx holdfast answer site-desk --of 6f1c… --kind password")
    .action(async (account: string, body: { of: string; kind: string }) => {
      const answers = createAnswers();
      const value = await answers.secret("Answer (not shown): ").finally(() => answers.close());
      await onAccount(account, "answer", { ...body, value });
      print(`${account}: the ${body.kind} was passed on`);
    });

  program
    .command("code <account>")
    .description("give the login code that an account waits for; read from standard input")
    .action(async (account: string) => {
      const { question } = (await onAccount(account, "status", {})).account;
      const answers = createAnswers();
      const value = await answers.secret("Login code (not shown): ").finally(() => answers.close());
      await onAccount(account, "answer", { of: question?.of ?? "nothing", kind: "code", value });
      print(`${account}: the code was passed on`);
    });
}

/** The emergency procedure: stopped, checked, the dead key aside, logged in, proven. */
async function recover(method: string, options: FollowOptions): Promise<number> {
  const { account } = options;
  const { account: found } = await onAccount(account, "status", {});
  if (found.wanted === "stop") {
    print(`${account} was stopped by a person. Start it with: npx holdfast resume ${account}`);
    return 1;
  }
  const isDown = ["quarantined", "unauthorised.waiting"].includes(found.state);
  if (!isDown && found.state !== "unauthorised.authorising") {
    print(`${account} is ${found.state}: its key works, and there is nothing to recover.`);
    return 0;
  }
  print(`1/5 stopped: ${account} is ${found.state} and holds no connection`);
  const [holder] = await readHolders({ account }, { env });
  print(
    `2/5 checked: ${holder === undefined ? "nobody holds a session of it" : holderLine(holder)}`,
  );
  print("3/5 the dead key is kept aside, and is never used again");
  print("4/5 logging in");
  const exitCode = await logIn(options, method);
  if (exitCode !== 0) return exitCode;
  const { userId, tookMs } = await onAccount(account, "test", {});
  print(`5/5 it serves: Telegram answered user ${userId} in ${tookMs} ms`);
  return 0;
}

function addStates(program: Command): void {
  const simple = [
    ["pause", "stay connected and send nothing, until: resume"],
    ["resume", "serve again, after a pause, a drain or a stop"],
  ] as const;
  for (const [verb, description] of simple) {
    program
      .command(`${verb} <account>`)
      .description(description)
      .action(async (account: string) => {
        const { state } = await onAccount(account, verb, {});
        print(`${account}: ${state}`);
      });
  }

  program
    .command("drain <account>")
    .description("let what is in flight end, disconnect, and stay away until: resume")
    .option("--force", "cut what is in flight")
    .addHelpText("after", "\nExample:\n  npx holdfast drain site-desk")
    .action((account: string, { force }: { force?: boolean }) =>
      stopAccount(account, force === true),
    );

  program
    .command("test <account>")
    .description("prove a session by a real call, without disturbing anything")
    .addHelpText("after", "\nExample:\n  npx holdfast test site-desk")
    .action(async (account: string) => {
      const { userId, isBot, tookMs } = await onAccount(account, "test", {});
      print(
        `${account}: its session works; Telegram answered ${isBot ? "bot" : "user"} ${userId} in ${tookMs} ms`,
      );
    });

  program
    .command("logout <account>")
    .description("end the account's session at Telegram; a login is needed afterwards")
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  npx holdfast logout site-desk --yes")
    .action(async (account: string, { yes }: { yes?: boolean }) => {
      const answers = createAnswers();
      const isSure =
        yes === true || (await answers.confirm(`Log ${account} out at Telegram, for good?`));
      answers.close();
      if (!isSure) throw notSure(account);
      await onAccount(account, "logout", {});
      print(`${account} is being logged out. See it with: npx holdfast status ${account}`);
    });
}

/** Lets an account go, with a line now and then while what is in flight ends. */
export async function stopAccount(account: string, force: boolean): Promise<void> {
  const begunMs = performance.now();
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - begunMs) / 1000);
    print(`${account}: what is in flight still ends (${seconds} s; it is cut after 15 s)`);
  }, 3_000);
  try {
    await onAccount(account, "drain", { force }, stopMsMax);
  } finally {
    clearInterval(progress);
  }
  print(
    `${account}: stopped, with 0 sockets and its token free. Start it with: npx holdfast resume ${account}`,
  );
}

function programNamed(name: string): ForeignProgram {
  const found = foreignPrograms.find((one) => one === name);
  if (found !== undefined) return found;
  throw new HoldfastError({
    code: "PROGRAM_UNKNOWN",
    message: `Sessions of "${name}" cannot be read; known are: ${foreignPrograms.join(", ")}.`,
  });
}

const notStopped = (account: string) =>
  new HoldfastError({
    code: "IMPORT_NOT_CONFIRMED",
    message: `Nothing was imported: two programs on one session end it for ever.`,
    next: `Stop the other program, then: npx holdfast import ${account} --stopped …`,
  });

const notSure = (account: string) =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: `${account} was not logged out.`,
    next: `Say so with: npx holdfast logout ${account} --yes`,
  });
