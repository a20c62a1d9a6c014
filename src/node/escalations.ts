import type { ConversationRules, SessionStatus } from "../../machines/conversation-rules.ts";
import {
  createEscalationNotices,
  type EscalationNotices,
} from "../conversation/escalation/tell.ts";
import { errorLine } from "../errors.ts";
import type { LoadedSession } from "../ports/conversation/conversation-store.ts";
import type { OpenNode } from "./open.ts";

/** Tells people of sessions that wait for them, by the ways of this host's other notices. */
export function createNodeEscalations({
  config,
  stores,
  clock,
  events,
  log,
}: Pick<OpenNode, "config" | "stores" | "clock" | "events" | "log">): EscalationNotices {
  return createEscalationNotices({
    store: stores.escalations,
    ways: events.ways,
    clock,
    everyMs: config.timings.suspectMs,
    onFailure: ({ account, session }, way, line, isLast) =>
      events.report({
        type: "note",
        account,
        code: isLast ? "NOTICE_NOT_DELIVERED" : "NOTICE_DELAYED",
        message: `SESSION_ESCALATED of session ${session} did not reach anybody by ${way}: ${line}`,
      }),
    onFault: (error) => log.warn(errorLine(error)),
  });
}

/** A person has it from now on. */
export const isHandedOver = (
  { moves }: ConversationRules,
  { status }: Pick<LoadedSession, "status">,
  after: SessionStatus,
): boolean => status !== after && moves.escalate[after] === after;
