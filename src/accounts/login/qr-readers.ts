import { HoldfastError } from "../../errors.ts";
import type { Seal, SealedText } from "../../ports/sealed-text.ts";

/**
 * Who may read the QR address of a login or a renewal: the one who began it, by a public key that came with the
 * request. The keys live as long as this process; so does a login by QR.
 */
export interface QrReaders {
  /**
   * Runs `begin` with the key known for `of`. The first key stays, whatever another request of the same id brings, and
   * goes when the request is refused or the next one is accepted. Throws SEAL_MISSING for a text that is no key.
   */
  during<Answer extends { readonly accepted: boolean }>(
    of: string,
    publicKey: string | null,
    begin: () => Promise<Answer>,
  ): Promise<Answer>;
  /** The address for the reader of `of`. Throws SEAL_MISSING where there is none. */
  seal(of: string, url: string): SealedText;
}

export function createQrReaders(account: string, seal: Seal): QrReaders {
  const keys = new Map<string, string>();
  /** Its login or renewal may still run; only one does at a time. */
  let accepted: string | null = null;

  return {
    async during(of, publicKey, begin) {
      if (publicKey === null || keys.has(of)) return begin();
      refuseUnfit(account, seal, publicKey);
      keys.set(of, publicKey);
      const answer = await begin();
      if (!answer.accepted) {
        keys.delete(of);
        return answer;
      }
      if (accepted !== null && accepted !== of) keys.delete(accepted);
      accepted = of;
      return answer;
    },
    seal(of, url) {
      const publicKey = keys.get(of);
      if (publicKey === undefined) throw sealMissing(account, "renew");
      return seal(publicKey, url);
    },
  };
}

function refuseUnfit(account: string, seal: Seal, publicKey: string): void {
  try {
    seal(publicKey, "fits");
  } catch (cause) {
    throw new HoldfastError({
      code: "SEAL_MISSING",
      message: `The "sealTo" of a request for ${account} is no public curve key; nothing was changed.`,
      next: `Send a key that begins with X, or type: npx holdfast renew ${account} --method qr`,
      cause,
    });
  }
}

/** A request for a QR code without the key of the one who asks. */
export const sealMissing = (account: string, command: "auth" | "renew"): HoldfastError =>
  new HoldfastError({
    code: "SEAL_MISSING",
    message: `The QR code of ${account} logs a session in, so that only the one who asks may read it; the request has no key to seal it to, and nothing was changed.`,
    next: `Type: npx holdfast ${command} ${account} --method qr, or send "sealTo", a public curve key.`,
  });
