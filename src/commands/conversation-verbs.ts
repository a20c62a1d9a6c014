import type { FleetProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type { ConversationStore } from "../ports/conversation/conversation-store.ts";
import type { ParkedReplay } from "../conversation/turns/parked-replay.ts";
import type { ParkedStore } from "../ports/conversation/parked-store.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { accountNotYours } from "./door.ts";
import { textIn } from "./fields.ts";

/** The verbs about conversations. */
export type ConversationVerbs = Handlers<
  FleetProtocol,
  "conversations" | "conversation" | "park" | "replay" | "replay-all"
>;

export interface ConversationCommandOptions {
  readonly records: ConversationRecords;
  readonly store: Pick<ConversationStore, "move">;
  readonly parked: Pick<ParkedStore, "list">;
  readonly replays: ParkedReplay;
}

const listMax = 200;
/** As many turns as fit into one answer with room to spare. */
const turnsMax = 500;

/**
 * Any node's answers about conversations. `conversations`: the newest sessions and the parked
 * messages. `conversation`: one session's turns. `park`: gives a session to a person, or back to
 * the bot. `replay`: takes a parked message again. `replay-all`: takes the next part of them again.
 */
export function createConversationCommands(options: ConversationCommandOptions): ConversationVerbs {
  const { records, store, parked: parkedStore, replays } = options;

  async function newest(of: "all" | readonly string[], limit: number) {
    if (of === "all") return records.list({ limit });
    const lists = await Promise.all(of.map((account) => records.list({ account, limit })));
    return lists
      .flat()
      .toSorted((a, b) => Number(b.id) - Number(a.id))
      .slice(0, limit);
  }

  async function show(session: string, turns: number, speaker: Speaker) {
    const found = /^\d{1,18}$/.test(session) ? await records.show(session, turns) : null;
    if (found === null || mayName(speaker, found.session.account)) return found;
    throw accountNotYours(speaker, found.session.account);
  }

  return {
    async conversations({ account, limit }, speaker) {
      const most = typeof limit === "number" ? Math.min(limit, listMax) : 20;
      const one = typeof account === "string" ? [account] : speaker.accounts;
      const sessions = await newest(one, most);
      const parked = await parkedStore.list({ accounts: speaker.accounts, limit: listMax });
      return { ok: true, sessions, parked };
    },
    async conversation(body, speaker) {
      const session = textIn(body, "session");
      const found = await show(session, turnsMax, speaker);
      if (found === null) throw unknownSession(session);
      return { ok: true, ...found };
    },
    async park(body, speaker) {
      const session = textIn(body, "session");
      if (speaker.accounts !== "all") await show(session, 1, speaker);
      const event = body.back === true ? "resolve" : "escalate";
      const status = /^\d{1,18}$/.test(session) ? await store.move(session, event) : null;
      if (status === null) throw unknownSession(session);
      return { ok: true, session, status };
    },
    async replay(body, speaker) {
      const parked = textIn(body, "parked");
      if (await replays.one(parked, speaker.accounts)) return { ok: true, parked };
      throw parkedUnknown(parked);
    },
    async "replay-all"({ reason, until }, speaker) {
      if (until !== undefined && !isMoment(until)) throw untilMalformed();
      if (reason !== undefined && typeof reason !== "string") throw reasonMalformed();
      const part = await replays.next({ accounts: speaker.accounts, code: reason, until });
      return { ok: true, ...part };
    },
  };
}

const isMoment = (value: unknown): value is string =>
  typeof value === "string" && value.length <= 40 && !Number.isNaN(Date.parse(value));

const reasonMalformed = () =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `"reason" is the code that a parked message's reason begins with; nothing was changed.`,
    next: 'Send JSON such as {"reason": "BOT_TIMED_OUT"}, or leave it out for all.',
  });

const untilMalformed = () =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `"until" is the moment that the first part's answer names; nothing was changed.`,
    next: `Leave it out at first, then send what was answered.`,
  });

const parkedUnknown = (parked: string) =>
  new HoldfastError({
    code: "PARKED_UNKNOWN",
    message: `Nothing was set aside under "${parked}"; nothing was changed.`,
    next: "See what was: npx holdfast conversation list",
  });

const unknownSession = (session: string) =>
  new HoldfastError({
    code: "SESSION_UNKNOWN",
    message: `There is no session "${session}" that this could be done with; nothing was changed.`,
    next: "See the newest: npx holdfast conversation list",
  });
