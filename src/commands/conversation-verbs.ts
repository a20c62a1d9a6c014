import type { FleetProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type { ConversationStore } from "../ports/conversation/conversation-store.ts";
import type { EscalationStore } from "../ports/conversation/escalation-store.ts";
import type { ParkedReplay } from "../conversation/turns/parked-replay.ts";
import { type ParkedStore, placeOfParked } from "../ports/conversation/parked-store.ts";
import { mayName, type Speaker } from "../ports/speaker.ts";
import { accountNotYours } from "./door.ts";
import { numberIn, textIn } from "./fields.ts";
import { firstThatFit } from "./pages.ts";

/** The verbs about conversations. */
export type ConversationVerbs = Handlers<
  FleetProtocol,
  "conversations" | "conversation" | "escalations" | "park" | "replay" | "replay-all"
>;

export interface ConversationCommandOptions {
  readonly records: ConversationRecords;
  readonly store: Pick<ConversationStore, "move">;
  readonly escalations: Pick<EscalationStore, "list">;
  readonly parked: Pick<ParkedStore, "list">;
  readonly replays: ParkedReplay;
}

const listMax = 200;
const behindMax = 50;
/** Turns that are read for one page; their answer takes as many of them as fit. */
const turnsMax = 500;
/** Sessions and parked messages share one answer. */
const parkedBytesMax = 256 * 1024;
const limitByDefault = 20;
/** Those that came over from another bot's database are below zero. */
const sessionIdForm = /^-?\d{1,18}$/;

/**
 * Any node's answers about conversations. `conversations`: the newest sessions, the parked
 * messages, and the users who are behind. `conversation`: one session's turns. `escalations`: those that wait for
 * a person. `park`: gives a session to a person, or
 * back to the bot. `replay`: takes a parked message again. `replay-all`: takes the next part of them again.
 */
export function createConversationCommands(options: ConversationCommandOptions): ConversationVerbs {
  const { records, store, parked: parkedStore, replays } = options;

  async function newest(of: "all" | readonly string[], page: { limit: number; before?: string }) {
    const { limit } = page;
    if (of === "all") return records.list(page);
    const lists = await Promise.all(of.map((account) => records.list({ account, ...page })));
    return lists
      .flat()
      .toSorted((a, b) => Number(b.id) - Number(a.id))
      .slice(0, limit);
  }

  async function show(session: string, turns: number, speaker: Speaker, after?: number) {
    const found = sessionIdForm.test(session) ? await records.show(session, turns, after) : null;
    if (found === null || mayName(speaker, found.session.account)) return found;
    throw accountNotYours(speaker, found.session.account);
  }

  return {
    async conversations(body, speaker) {
      const { account, before, parkedBefore } = body;
      const limit = Math.min(numberIn(body, "limit") ?? limitByDefault, listMax);
      const one = typeof account === "string" ? [account] : speaker.accounts;
      const older = typeof before === "string" ? { before } : {};
      const sessions = await newest(one, { limit, ...older });
      const behind = await records.behind({ accounts: one, limit: behindMax });
      const found = await parkedStore.list({
        accounts: speaker.accounts,
        limit: listMax,
        before: textOrNone(parkedBefore),
      });
      const parked = firstThatFit(found, parkedBytesMax);
      const last = parked.at(-1);
      const isLast = parked.length === found.length && found.length < listMax;
      return {
        ok: true,
        sessions,
        parked,
        behind,
        more: {
          sessions: sessions.length < limit ? null : (sessions.at(-1)?.id ?? null),
          parked: isLast || last === undefined ? null : placeOfParked(last),
        },
      };
    },
    async conversation(body, speaker) {
      const session = textIn(body, "session");
      const found = await show(session, turnsMax, speaker, numberIn(body, "after") ?? undefined);
      if (found === null) throw unknownSession(session);
      const turns = firstThatFit(found.turns);
      const isLast = turns.length === found.turns.length && turns.length < turnsMax;
      return {
        ok: true,
        session: found.session,
        turns,
        more: isLast ? null : (turns.at(-1)?.seq ?? null),
      };
    },
    async escalations({ account }, speaker) {
      if (typeof account === "string" && !mayName(speaker, account)) {
        throw accountNotYours(speaker, account);
      }
      const accounts = typeof account === "string" ? [account] : speaker.accounts;
      const found = await options.escalations.list({ accounts, limit: listMax });
      return { ok: true, escalations: firstThatFit(found) };
    },
    async park(body, speaker) {
      const session = textIn(body, "session");
      if (speaker.accounts !== "all") await show(session, 1, speaker);
      const event = body.back === true ? "resolve" : "escalate";
      const status = sessionIdForm.test(session) ? await store.move(session, event) : null;
      if (status === null) throw unknownSession(session);
      return { ok: true, session, status };
    },
    async replay(body, speaker) {
      const parked = textIn(body, "parked");
      if (await replays.one(parked, speaker.accounts)) return { ok: true, parked };
      throw parkedUnknown(parked);
    },
    async "replay-all"({ reason, until }, speaker) {
      const part = await replays.next({
        accounts: speaker.accounts,
        code: textOrNone(reason),
        until: textOrNone(until),
      });
      return { ok: true, ...part };
    },
  };
}

const textOrNone = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

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
