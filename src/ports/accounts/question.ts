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
      /** To be shown as a QR code and scanned by Telegram on a phone. */
      readonly url: string;
      /** Milliseconds since 1970. */
      readonly expiresAtMs: number;
    }
);
