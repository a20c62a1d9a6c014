import type { IncarnationStore } from "../ports/custody/incarnation-store.ts";
import type { TokenStore } from "../ports/custody/token-store.ts";
import type { Takeover } from "./takeover.ts";
import type { TrustedBus } from "./trusted-bus.ts";

export interface ForceParts {
  readonly tokens: Pick<TokenStore, "read" | "releaseAll">;
  readonly incarnations: Pick<IncarnationStore, "holders">;
  readonly bus: Pick<TrustedBus, "fence" | "tell">;
  readonly takeover: Takeover;
}

export type Forced =
  /** No incarnation held it. */
  | "free"
  /** Its holder's gate cut it and said so. */
  | "fenced"
  /** Its holder did not answer: the whole incarnation was ended. */
  | "ended"
  /** Another host or person moved it at the same time. */
  | "moved";

/**
 * Takes a token away from its holder, alive or not, and frees it; the fleet then takes it up where
 * it belongs. Safe to ask for twice, and by two people at once: each epoch is released at most
 * once.
 */
export async function forceToken(
  parts: ForceParts,
  account: string,
  slot: number,
): Promise<Forced> {
  const token = await parts.tokens.read({ account, slot });
  if (token === null || token.incarnation === null) return "free";
  const grant = { account, slot, epoch: token.epoch };
  const { incarnation } = token;
  if (await parts.bus.fence(incarnation, { type: "token", grant })) {
    // Its own node, or another operator, may have released the epoch meanwhile: it is cut all the same.
    const freed = await parts.tokens.releaseAll([grant], incarnation);
    if (freed.length > 0) parts.bus.tell({ type: "freed", ...grant });
    return "fenced";
  }
  const holder = (await parts.incarnations.holders()).find(
    (one) => one.incarnation === incarnation,
  );
  if (holder === undefined) return "moved";
  const target = { incarnation, host: holder.host };
  const outcome = await parts.takeover.take(target, { force: true });
  return outcome.ended ? "ended" : "moved";
}
