import { untilAborted, wait } from "../../concurrency/wait.ts";
import type { SignInParts } from "./sign-in-parts.ts";

/** Telegram may extend an unscanned token. */
const qrLeastMs = 1000;

/**
 * Shows login tokens to the one who asked until a person's phone has accepted one. Rejects when the signal aborts.
 */
export async function byQr(parts: SignInParts): Promise<void> {
  const { client, prompts, clock, signal, of, sealUrl, untilAccepted } = parts;
  for (;;) {
    signal.throwIfAborted();
    const accepted = untilAccepted();
    const shown = await client.loginToken();
    if (shown === null) return;
    const token = Buffer.from(shown.token).toString("base64url");
    const { expiresAtMs } = shown;
    const sealedUrl = sealUrl(`tg://login?token=${token}`);
    prompts.show({ of, kind: "qr", sealedUrl, expiresAtMs });
    const over = new AbortController();
    const expired = wait(clock, Math.max(expiresAtMs - clock.now(), qrLeastMs), over.signal);
    await untilAborted(signal, Promise.race([accepted, expired])).finally(() => over.abort());
  }
}
