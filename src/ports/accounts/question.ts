import type { SealedText } from "../sealed-text.ts";
import type { CodeVia } from "../telegram/telegram.ts";

/** A question of a login or a renewal to a person. Never holds the answer. */
export type Question = {
  /** The login or the renewal that asks; an answer names it. */
  readonly of: string;
} & (
  | {
      readonly kind: "code";
      readonly via: CodeVia;
      /** Characters; null where Telegram does not tell. */
      readonly length: number | null;
      readonly triesLeft: number;
    }
  | { readonly kind: "password"; readonly hint: string; readonly triesLeft: number }
  | {
      readonly kind: "qr";
      /**
       * `tg://login?token=…`, to be shown as a QR code and scanned by Telegram on a phone. Whose phone scans it decides
       * who is logged in: only the one who began the login can read it.
       */
      readonly sealedUrl: SealedText;
      /** Milliseconds since 1970. */
      readonly expiresAtMs: number;
    }
);
