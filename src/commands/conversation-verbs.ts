import type { FleetProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type { ConversationStore } from "../ports/conversation/conversation-store.ts";
import type { InboundStream, ParkedItem } from "../ports/conversation/inbound-stream.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { accountNotYours } from "./door.ts";
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
const behindMax = 50;
/** As many turns as fit into one answer with room to spare. */
const turnsMax = 500;

/**
 * Any node's answers about conversations. `conversations`: the newest sessions, the parked
 * messages, and the users who are behind. `conversation`: one session's turns. `park`: gives a
 * session to a person, or back to the bot. `replay`: takes a parked message again.
 */
export function createConversationCommands(options: ConversationCommandOptions): ConversationVerbs {
  const { records, store, stream } = options;

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

  async function refuseForeignItem(parked: string, speaker: Speaker): Promise<void> {
    if (speaker.accounts === "all") return;
    const found = (await stream.listParked(listMax)).find(({ id }) => id === parked);
    if (found !== undefined && isOwn(speaker, found)) return;
    throw parkedUnknown(parked);
  }

  return {
    async conversations({ account, limit }, speaker) {
      const most = typeof limit === "number" ? Math.min(limit, listMax) : 20;
      const one = typeof account === "string" ? [account] : speaker.accounts;
      const sessions = await newest(one, most);
      const parked = await stream.listParked(listMax);
      const behind = await records.behind({ accounts: one, limit: behindMax });
      return { ok: true, sessions, parked: parked.filter((item) => isOwn(speaker, item)), behind };
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
      await refuseForeignItem(parked, speaker);
      if (await stream.unpark(parked)) return { ok: true, parked };
      throw parkedUnknown(parked);
    },
  };
}

/** An item that was no message belongs to all accounts. */
const isOwn = (speaker: Speaker, { item }: ParkedItem): boolean =>
  speaker.accounts === "all" || (item !== null && mayName(speaker, item.account));

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
