import { HoldfastError } from "../../errors.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";

const retryMs = 500;
const retryMsMax = 30_000;

export function isTokenLost(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "TOKEN_LOST";
}

/** The client's end is known at its source; no client is left to ask. */
export function isEndOfClient(error: unknown): boolean {
  if (!(error instanceof TelegramError)) return false;
  const { kind, code } = error.fault;
  return kind === "dead-key" || code === "CLIENT_CLOSED" || code.startsWith("GATE_");
}

export function isFlood(error: unknown): boolean {
  return error instanceof TelegramError && error.fault.kind === "flood";
}

export function delayMsAfter(error: unknown, failures: number): number {
  if (error instanceof TelegramError && error.fault.waitSeconds !== undefined) {
    return error.fault.waitSeconds * 1000;
  }
  return Math.min(retryMs * 2 ** failures, retryMsMax);
}

export function tokenMoved({ account, slot, epoch }: GrantRef): HoldfastError {
  return new HoldfastError({
    code: "TOKEN_LOST",
    message: `The token of ${account} slot ${slot} moved on from epoch ${epoch}; its cursor is not ours.`,
    next: "The account is sought again by itself.",
    policy: "retryable",
  });
}

export function gapStays(pts: number): HoldfastError {
  return new HoldfastError({
    code: "GAP_STAYS",
    message: `Telegram pushes updates beyond pts ${pts} that its difference does not give yet.`,
    next: "It is asked again by itself.",
    policy: "retryable",
  });
}

export function standsStill(pts: number): HoldfastError {
  return new HoldfastError({
    code: "DIFFERENCE_STANDS_STILL",
    message: `Telegram gave a part of the difference that does not go beyond pts ${pts}.`,
    next: "It is asked again by itself.",
    policy: "retryable",
  });
}
