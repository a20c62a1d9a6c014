import type { Clock } from "../../ports/clock.ts";
import type { SignInParts } from "./sign-in-parts.ts";

/** Telegram may extend a token that nobody has scanned. */
const qrLeastMs = 1000;

/** Shows login tokens until a person's phone has accepted one. Rejects when the signal aborts. */
export async function byQr({ client, prompts, clock, signal, of, untilAccepted }: SignInParts) {
  for (;;) {
    signal.throwIfAborted();
    const accepted = untilAccepted();
    const shown = await client.loginToken();
    if (shown === null) return;
    const token = Buffer.from(shown.token).toString("base64url");
    const { expiresAtMs } = shown;
    prompts.show({ of, kind: "qr", url: `tg://login?token=${token}`, expiresAtMs });
    await atMost(clock, signal, Math.max(expiresAtMs - clock.now(), qrLeastMs), accepted);
  }
}

/** Resolves when `first` does or the time has passed; rejects when `signal` aborts. */
function atMost(
  clock: Clock,
  signal: AbortSignal,
  ms: number,
  first: Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(ms, resolve);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    first.then(resolve, reject);
    void first.finally(cancel).catch(() => undefined);
  });
}
