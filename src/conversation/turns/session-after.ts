import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import type { LoadedSession, TurnRecord } from "../../ports/conversation/conversation-store.ts";

/** The part of a session that its rules decide; messages and snapshot are kept elsewhere, in other shapes. */
export type SessionHead = Pick<LoadedSession, "id" | "decision" | "status" | "turns" | "lastSeq">;

/**
 * The session that the next message finds after a turn. null: the session is over, and that message
 * opens another.
 */
export function sessionAfter(
  { open, inbound }: ConversationRules,
  session: Pick<LoadedSession, "id" | "turns" | "lastSeq">,
  { status, replies }: Pick<TurnRecord, "status"> & { readonly replies: readonly unknown[] },
): SessionHead | null {
  if (!open.includes(status)) return null;
  return {
    id: session.id,
    decision: inbound[status].decision,
    status,
    turns: session.turns + 1,
    lastSeq: session.lastSeq + 1 + replies.length,
  };
}
