import type { BotState } from "../../ports/conversation/bot.ts";

/** The bot's state in a session's snapshot. null: there is none, or no bot of this program wrote it. */
export function readState(snapshot: unknown): BotState | null {
  if (typeof snapshot !== "object" || snapshot === null) return null;
  if (!("machineId" in snapshot) || typeof snapshot.machineId !== "string") return null;
  if (!("schemaVersion" in snapshot) || typeof snapshot.schemaVersion !== "number") return null;
  const { machineId, schemaVersion } = snapshot;
  return { machineId, schemaVersion, state: "state" in snapshot ? snapshot.state : null };
}

/** The message whose menu stays, by its number; null: none does. */
export function stickyMenuOf(snapshot: unknown): number | null {
  if (typeof snapshot !== "object" || snapshot === null) return null;
  if (!("stickyMenu" in snapshot) || typeof snapshot.stickyMenu !== "number") return null;
  return snapshot.stickyMenu;
}

/**
 * The snapshot after a turn: the bot's state, and beside it the menu that stays.
 * @param stickyMenu undefined: the turn offered none
 */
export function keptState(
  before: unknown,
  state: BotState | null,
  stickyMenu: number | undefined,
): unknown {
  const sticky = stickyMenu ?? stickyMenuOf(before);
  if (sticky === null) return state ?? before;
  const kept = typeof before === "object" ? before : null;
  return { ...kept, ...state, stickyMenu: sticky };
}
