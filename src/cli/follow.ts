import { renderUnicodeCompact } from "uqr";
import type { Reason } from "../../machines/lifecycle.ts";
import type { SealKey } from "../adapters/crypto/curve-seal.ts";
import { errorLine, HoldfastError } from "../errors.ts";
import type { RenewalStep } from "../ports/accounts/renewal-store.ts";
import type { Question } from "../ports/accounts/question.ts";
import type { SealedText } from "../ports/sealed-text.ts";
import type { Answers } from "./answers.ts";
import { askAccount, type AskOptions, connectCommand } from "./ask.ts";
import { nextOfLogin } from "./next-of-login.ts";

export interface FollowOptions extends AskOptions {
  readonly account: string;
  readonly answers: Answers;
  /** Opens the QR code's address, where this command has asked for one. */
  readonly qrKey?: SealKey;
  print(line: string): void;
}

/** An event may be lost, and its node may end: the state is looked up again after this. */
const lookMs = 2_000;
/** A node that is ended and replaced answers again within this. */
const silenceMsMax = 60_000;

const stepLines: Readonly<Record<Exclude<RenewalStep, "aborted">, string>> = {
  requested: "1/7 a new key is being authorised; the account goes on serving",
  "key-stored": "2/7 the new key exists and is stored, encrypted",
  authorised: "3/7 the new key is logged in",
  drained: "4/7 calls in flight have ended; the old key has 0 sockets",
  "verified-idle": "5/7 nothing uses the old key: verified a second time",
  switched: "6/7 the new key serves from now on",
  verified: "7/7 the new key has answered a real call",
  retired: "    the old key is logged out",
};

/**
 * Shows the course of a renewal and asks its questions. Resolves with the exit code: 0 when the new
 * key serves.
 */
export async function followRenewal(renewal: string, options: FollowOptions): Promise<number> {
  const { account, print } = options;
  const seen = new Set<RenewalStep>();
  return watch(options, async () => {
    const answer = await askAccount(account, "renewal", { id: renewal }, options);
    const { renewal: record, steps, question } = answer;
    for (const { step } of steps) {
      if (seen.has(step)) continue;
      seen.add(step);
      if (step !== "aborted") print(stepLines[step]);
    }
    if (record?.state === "aborted") return aborted(account, record.reason, print);
    if (record?.state === "done") {
      print(`${account}: renewed; slot ${String(record.toSlot)} serves`);
      return 0;
    }
    return question;
  });
}

/**
 * Shows the course of a login and asks its questions. Resolves with the exit code: 0 when the
 * account serves.
 */
export async function followLogin(login: string, options: FollowOptions): Promise<number> {
  const { account, print } = options;
  return watch(options, async () => {
    const { account: status } = await askAccount(account, "status", {}, options);
    if (["active", "paused", "cooling", "active.preparing"].includes(status.state)) {
      print(`${account}: logged in and ${status.state}`);
      return 0;
    }
    if (status.state === "unauthorised.waiting" || status.state === "quarantined") {
      print(`${account} is not logged in: ${status.reason?.message ?? "nobody has asked for it"}`);
      print(nextOfLogin(account, status.reason));
      return 1;
    }
    return status.question?.of === login ? status.question : null;
  });
}

function aborted(account: string, reason: Reason | null, print: (line: string) => void): number {
  print(`${account}: the renewal was aborted and the old session stays.`);
  print(`Why: ${reason?.message ?? "unknown"} (${reason?.code ?? "UNKNOWN"})`);
  print(`Next: npx holdfast status ${account}, then try again: npx holdfast renew ${account}`);
  return 1;
}

/** Looks at each event of the account, and at intervals, until `look` answers an exit code. */
async function watch(
  options: FollowOptions,
  look: () => Promise<Question | number | null>,
): Promise<number> {
  const nats = await connectCommand(options.env, { timeoutMs: 5000 });
  let wake = () => {};
  const events = nats.subscribe(`holdfast.account.${options.account}.event`, {
    callback: () => wake(),
  });
  const asked = new Set<string>();
  let silentSinceMs: number | null = null;
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      const seen = await look().then(
        (found) => {
          silentSinceMs = null;
          return found;
        },
        (error: unknown) => {
          // The next node that answers tells the outcome.
          silentSinceMs ??= performance.now();
          if (!isAway(error) || performance.now() - silentSinceMs > silenceMsMax) throw error;
          return null;
        },
      );
      if (typeof seen === "number") {
        wake();
        return seen;
      }
      if (seen !== null && !(await put(seen, asked, options))) {
        wake();
        return 1;
      }
      await woken;
    }
  } finally {
    events.unsubscribe();
    await nats.close();
  }
}

const isAway = (error: unknown): boolean =>
  error instanceof HoldfastError &&
  ["NODE_UNAVAILABLE", "NATS_UNAVAILABLE", "ACCOUNT_NOT_RUNNING"].includes(error.code);

/** Asks each question once; a wrong answer makes the next one. `false`: there is no answer, and it goes on waiting. */
async function put(
  question: Question,
  asked: Set<string>,
  options: FollowOptions,
): Promise<boolean> {
  const mark = JSON.stringify(question);
  if (asked.has(mark)) return true;
  asked.add(mark);
  const { account, answers, print } = options;
  if (question.kind === "qr") {
    showCode(question.sealedUrl, options);
    return true;
  }
  const { of, kind } = question;
  try {
    const prompt = promptFor(question);
    const value = await (kind === "password" ? answers.password(prompt) : answers.secret(prompt));
    await askAccount(account, "answer", { of, kind, value }, options);
    return true;
  } catch (error) {
    print(errorLine(error));
    print(`It still waits; answer with: npx holdfast answer ${account} --of ${of} --kind ${kind}`);
    return false;
  }
}

/** Only the command that began the login or the renewal can read the address. */
function showCode(sealed: SealedText, { print, qrKey }: FollowOptions): void {
  const url = openedBy(qrKey, sealed);
  if (url === null) {
    print("The QR code is shown where this was begun, and nowhere else.");
    return;
  }
  print("Scan this with Telegram on a phone: Settings → Devices → Link Desktop Device.");
  print(renderUnicodeCompact(url, { border: 2 }));
  print(url);
}

function openedBy(key: SealKey | undefined, sealed: SealedText): string | null {
  try {
    return key?.open(sealed) ?? null;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "SEAL_UNREADABLE") return null;
    throw error;
  }
}

function promptFor(question: Exclude<Question, { kind: "qr" }>): string {
  const tries = question.triesLeft === 1 ? "last try" : `${question.triesLeft} tries`;
  if (question.kind === "password") {
    const hint = question.hint === "" ? "" : `, hint: ${question.hint}`;
    return `2FA password (not shown, ${tries}${hint}): `;
  }
  const length = question.length === null ? "" : `, ${question.length} characters`;
  return `Login code by ${question.via} (not shown${length}, ${tries}): `;
}
