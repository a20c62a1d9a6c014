import type { FleetProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type { ConversationStore } from "../ports/conversation/conversation-store.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import { textIn } from "./fields.ts";

/** The verbs about conversations. */
export type ConversationVerbs = Handlers<
  FleetProtocol,
  "conversations" | "conversation" | "park" | "replay"
>;

export interface ConversationCommandOptions {
  readonly records: ConversationRecords;
  readonly store: Pick<ConversationStore, "move">;
  readonly stream: Pick<InboundStream, "listParked" | "unpark">;
}

const listMax = 200;
/** As many turns as fit into one answer with room to spare. */
const turnsMax = 500;

/**
 * Any node's answers about conversations. `conversations`: the newest sessions and the parked
 * messages. `conversation`: one session's turns. `park`: gives a session to a person, or back to
 * the bot. `replay`: takes a parked message again.
 */
export function createConversationCommands(options: ConversationCommandOptions): ConversationVerbs {
  const { records, store, stream } = options;

  return {
    async conversations({ account, limit }) {
      const sessions = await records.list({
        ...(typeof account === "string" && { account }),
        limit: typeof limit === "number" ? Math.min(limit, listMax) : 20,
      });
      return { ok: true, sessions, parked: await stream.listParked(listMax) };
    },
    async conversation(body) {
      const session = textIn(body, "session");
      const found = /^\d{1,18}$/.test(session) ? await records.show(session, turnsMax) : null;
      if (found === null) throw unknownSession(session);
      return { ok: true, ...found };
    },
    async park(body) {
      const session = textIn(body, "session");
      const event = body.back === true ? "resolve" : "escalate";
      const status = /^\d{1,18}$/.test(session) ? await store.move(session, event) : null;
      if (status === null) throw unknownSession(session);
      return { ok: true, session, status };
    },
    async replay(body) {
      const parked = textIn(body, "parked");
      if (await stream.unpark(parked)) return { ok: true, parked };
      throw new HoldfastError({
        code: "PARKED_UNKNOWN",
        message: `Nothing was set aside under "${parked}"; nothing was changed.`,
        next: "See what was: npx holdfast conversation list",
      });
    },
  };
}

const unknownSession = (session: string) =>
  new HoldfastError({
    code: "SESSION_UNKNOWN",
    message: `There is no session "${session}" that this could be done with; nothing was changed.`,
    next: "See the newest: npx holdfast conversation list",
  });
