import { refused } from "../../ports/telegram/telegram-error.ts";
import { readLoginCode } from "../../inputs/login-code.ts";
import { isWrong, type SignInParts, triesMax } from "./sign-in-parts.ts";

/** A person types the code, however Telegram sends it. */
export const byTypedCode = (parts: SignInParts): Promise<void> => byCode(parts, false);

/** The serving session reads the code; rejects with CODE_NOT_IN_APP where Telegram sends it elsewhere. */
export const byReadCode = (parts: SignInParts): Promise<void> => byCode(parts, true);

async function byCode(parts: SignInParts, isRead: boolean): Promise<void> {
  const { client, credentials, prompts, signal, of } = parts;
  const phone = credentials.kind === "user" ? credentials.phone : null;
  if (phone === null)
    throw refused("PHONE_UNKNOWN", "the phone number of this account is not known");
  const read = prompts.readCodes();
  try {
    const { codeHash, via, length } = await client.requestCode(phone);
    if (isRead && via !== "app") throw codeElsewhere(via);
    parts.onCodeRequested();
    for (let triesLeft = triesMax; ; triesLeft -= 1) {
      const typed = isRead
        ? await read.next(signal)
        : await prompts.ask({ of, kind: "code", via, length, triesLeft }, signal);
      const code = readLoginCode(typed, via === "words");
      if (code === null) {
        // Telegram counts its own tries: it is not asked.
        if (triesLeft === 1) throw noCode();
        parts.onWrong("no code stood in what was typed");
        continue;
      }
      try {
        return await client.signIn({ phone, codeHash, code, via });
      } catch (error) {
        if (!isWrong(error, "PHONE_CODE_INVALID") || triesLeft === 1) throw error;
        parts.onWrong("the code was wrong");
      }
    }
  } finally {
    read.stop();
  }
}

const noCode = () => refused("CODE_MISSING", "what was typed held no code");

const codeElsewhere = (via: string) =>
  refused(
    "CODE_NOT_IN_APP",
    `Telegram sends the code by ${via}, where the serving session cannot read it`,
  );
