import type { MenuChoice, StoredToolOutput } from "./conversation-store.ts";

/** Names one choice: the session, the message that offered it, its place in that message's menu. */
export interface ChoiceReference {
  readonly sessionId: string;
  readonly seq: number;
  readonly index: number;
}

/** A choice as it was offered, with the tool output that it points at; null: at none that there is. */
export interface OfferedChoice {
  readonly choice: MenuChoice;
  readonly source: StoredToolOutput | null;
}

/**
 * The choices of a session's messages, however old. Hides SQL. A turn asks only for a choice that lies beyond its
 * loaded history; any other turn asks nothing.
 */
export interface OfferedChoices {
  /** null: the session has offered no such choice. */
  find(of: ChoiceReference): Promise<OfferedChoice | null>;
}
