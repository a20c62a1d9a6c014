import type { NatsConnection } from "@nats-io/transport-node";
import { createSealKey } from "../../adapters/crypto/curve-seal.ts";
import { askSealKey, requestSealed } from "../../adapters/crypto/sealed-request.ts";
import type { AccountEvent } from "../../ports/accounts/event-sink.ts";
import type { SealedText } from "../../ports/sealed-text.ts";
import type { TelegramDc } from "../../telegram-dc/telegram-dc.ts";

/** The owner of the accounts, phone in hand: answers the questions of logins and renewals. */
export interface Owner {
  /** Given with each request for a QR code, so that the owner can read it. */
  readonly sealTo: string;
  /** An answer that was sealed to the owner, opened; any other as it is. */
  read(answer: unknown): unknown;
  stop(): void;
}

type Asked = Extract<AccountEvent, { type: "question" }>;

const codeWaitMs = 5_000;
const answerMsMax = 2_000;

/** @param usernameOf the account's username at Telegram; null for another owner's account. */
export function playOwner(
  nats: NatsConnection,
  dc: TelegramDc,
  of: (account: string) => { readonly username: string; readonly password: string | null } | null,
): Owner {
  const key = createSealKey();

  function answer(event: Asked): void {
    tryToAnswer(event).catch(() => undefined);
  }

  async function tryToAnswer(event: Asked): Promise<void> {
    const { account, question } = event;
    const known = of(account);
    if (known === null) return;
    if (question.kind === "qr") {
      const token = new URL(key.open(question.sealedUrl)).searchParams.get("token") ?? "";
      dc.phone.acceptLoginToken(known.username, Buffer.from(token, "base64url"));
      return;
    }
    const value =
      question.kind === "password"
        ? known.password
        : (await dc.phone.waitForCode(known.username, codeWaitMs))?.code;
    const body = { of: question.of, kind: question.kind, value };
    const subject = `holdfast.account.${account}.answer`;
    const fleetKey = await askSealKey(nats, answerMsMax);
    await requestSealed(nats, fleetKey, { subject, body, timeoutMs: answerMsMax });
  }

  const events = nats.subscribe("holdfast.account.*.event", {
    callback(error, message) {
      if (error !== null) return;
      const event = message.json<AccountEvent>();
      // The asking process may be dead by now; the question comes again then.
      if (event.type === "question") answer(event);
    },
  });
  return {
    sealTo: key.publicKey,
    read(given) {
      const { sealed } = given as { readonly sealed?: SealedText };
      return sealed === undefined ? given : JSON.parse(key.open(sealed));
    },
    stop: () => events.unsubscribe(),
  };
}
