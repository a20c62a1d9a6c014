import type { ItemName } from "../../../ports/conversation/inbound-stream.ts";
import { readItems } from "../../../ports/conversation/item-text.ts";
import { partitions } from "../../../ports/conversation/partitions.ts";
import type {
  Person,
  PersonErasure,
  PersonPlace,
  StreamWalk,
} from "../../../ports/conversation/person-erasure.ts";
import type { AccountTables } from "./account-tables.ts";
import type { Ask } from "./sim-postgres.ts";
import type { SimStreams } from "./sim-stream.ts";
import {
  type BacklogTable,
  dropSteps,
  type ParkedTable,
  type StepTable,
} from "./sim-turn-records.ts";
import { type Session, turnKey, type TurnTables, userKey } from "./turn-tables.ts";

/** The tables that have something of a person. */
export interface PersonTables {
  readonly turns: TurnTables;
  readonly backlog: BacklogTable;
  readonly parked: ParkedTable;
  readonly steps: StepTable;
}

/** What the judge hears of it. */
export interface ErasureWatch {
  /** These messages count as taken from now on. */
  taken(items: readonly ItemName[]): void;
  /** The replies of these sessions are gone, sent or not. */
  erased(sessions: readonly string[]): void;
}

const isOf = ({ user, accounts, channel }: Person, of: ItemName | PersonPlace): boolean =>
  (!("chatUser" in of) || of.chatUser === user) &&
  (accounts === "all" || accounts.includes(of.account)) &&
  (channel === null || of.channel === channel);

export function createSimErasure(
  tables: PersonTables,
  ask: Ask,
  watch: ErasureWatch,
): Pick<PersonErasure, "take" | "erase"> {
  const { turns, backlog, parked, steps } = tables;

  function take(items: readonly ItemName[]): void {
    for (const item of items) {
      turns.taken.add(turnKey(item.channel, item.account, item.inboundId));
      turns.forgotten.add(userKey(item));
    }
    for (const item of items) forgetSteps(item);
    watch.taken(items);
  }

  function eraseSession({ id }: Session): readonly string[] {
    const said = (turns.turnsOf.get(id) ?? []).map(({ inboundId }) => inboundId);
    for (const [key, reply] of turns.replies) if (reply.session === id) dropReply(turns, key);
    dropSession(turns, id);
    turns.erased.add(id);
    return said;
  }

  const forgetSteps = (item: ItemName): void => dropSteps(steps, item);

  return {
    take: (items) => ask(() => take(items)),
    erase: (person) =>
      ask(() => {
        const found = [...turns.sessions.values()].filter(({ user }) => {
          const [channel = "", account = "", chatUser = ""] = user.split("\n");
          return isOf(person, { channel, account, chatUser, inboundId: "" });
        });
        const places: PersonPlace[] = [];
        for (const session of found) {
          const [channel = "", account = "", chatUser = ""] = session.user.split("\n");
          turns.forgotten.add(session.user);
          places.push({ channel, account });
          for (const inboundId of eraseSession(session)) {
            forgetSteps({ channel, account, chatUser, inboundId });
          }
        }
        const waited: ItemName[] = [];
        for (const [key, item] of backlog) {
          if (isOf(person, item) && backlog.delete(key)) waited.push(item);
        }
        for (const [key, { item }] of parked) {
          if (item !== null && isOf(person, item) && parked.delete(key)) waited.push(item);
        }
        places.push(...waited);
        take(waited);
        watch.erased(found.map(({ id }) => id));
        return { rows: {}, places, isLast: true };
      }),
  };
}

function dropReply({ replies, unsent, newestReplies }: TurnTables, key: string): void {
  const reply = replies.get(key);
  replies.delete(key);
  unsent.delete(key);
  if (reply !== undefined && newestReplies.get(reply.session) === reply) {
    newestReplies.delete(reply.session);
  }
}

function dropSession({ sessions, open, newest, turnsOf }: TurnTables, id: string): void {
  const session = sessions.get(id);
  if (session === undefined) return;
  sessions.delete(id);
  turnsOf.delete(id);
  const { user } = session;
  if (open.get(user) === session) open.delete(user);
  if (newest.get(user) !== session) return;
  const left = [...sessions.values()].findLast((one) => one.user === user);
  if (left === undefined) newest.delete(user);
  else newest.set(user, left);
}

/** The part of the retention job that turns could meet: by the rules of the store, with what is older than `keptMs`. */
export function retain(
  tables: TurnTables,
  { accounts }: Pick<AccountTables, "accounts">,
  keptMs: number,
): void {
  const beforeMs = tables.nowMs() - keptMs;
  const isOpen = (id: string): boolean => {
    const status = tables.sessions.get(id)?.status;
    return status !== undefined && tables.rules.open.includes(status);
  };
  for (const [key, reply] of tables.replies) {
    const { state, changedMs, session } = reply;
    const isOver = (state === "sent" || state === "failed") && changedMs < beforeMs;
    const staysForItsAddress = isOpen(session) && tables.newestReplies.get(session) === reply;
    if (isOver && !staysForItsAddress) dropReply(tables, key);
  }
  for (const [id, turns] of tables.turnsOf) {
    const kept = turns.filter(({ createdMs }) => createdMs >= beforeMs);
    if (kept.length < turns.length) tables.turnsOf.set(id, kept);
  }
  const withReplies = new Set([...tables.replies.values()].map(({ session }) => session));
  for (const { id, lastTurnMs } of tables.sessions.values()) {
    const isEmpty = (tables.turnsOf.get(id) ?? []).length === 0 && !withReplies.has(id);
    if (isEmpty && !isOpen(id) && lastTurnMs < beforeMs) dropSession(tables, id);
  }
  for (const { slots } of accounts.values()) {
    for (const row of slots.values()) {
      if (["RETIRED", "DISCARDED", "DEAD"].includes(row.state)) row.session = null;
    }
  }
}

/** A walk over the simulated streams; like the server's, it may find that a message has gone meanwhile. */
export function createSimWalk(streams: SimStreams): StreamWalk {
  const step = () =>
    new Promise<void>((resolve, reject) => {
      streams.kernel.at(streams.delay(), () =>
        streams.isAway ? reject(new Error("timeout")) : resolve(),
      );
    });
  return {
    async walk(_at, _budgetMs, visit) {
      for (const partition of partitions) {
        for (let seq = 0; ; ) {
          await step();
          const life = streams.lives[partition]!;
          const message = [...life.messages.values()].find((one) => one.seq > seq);
          if (message === undefined) break;
          const { text } = message;
          seq = message.seq;
          const items = readItems(text).flatMap((read): (ItemName | null)[] => {
            if (read.kind === "malformed") return [null];
            return [read.kind === "item" ? read.item : read.of];
          });
          if ((await visit({ stream: `inbound ${partition}`, text, items })) === "leave") continue;
          await step();
          if (life.messages.get(seq) === message) life.messages.delete(seq);
          streams.pump(life);
        }
      }
      return null;
    },
  };
}
