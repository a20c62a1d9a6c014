import { HoldfastError } from "../../../errors.ts";
import type {
  BacklogItem,
  BacklogPlace,
  BacklogStore,
  BacklogUser,
} from "../../../ports/conversation/backlog-store.ts";
import type { ConversationKey } from "../../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../../ports/conversation/inbound-stream.ts";
import type { AsideName, ParkedStore } from "../../../ports/conversation/parked-store.ts";
import { partitionOf } from "../../../ports/conversation/partitions.ts";
import type { StepStore, TurnKey } from "../../../ports/conversation/step-store.ts";
import type { Ask } from "./sim-postgres.ts";
import { isOwner, turnKey, type TurnTables, userKey } from "./turn-tables.ts";

/** Items that wait, in the order in which they are read. */
export type BacklogTable = Map<string, BacklogItem & { readonly partition: number }>;

const placeOf = (partition: number, item: ConversationKey & BacklogPlace): string =>
  `${partition} ${userKey(item)} ${item.position} ${item.inboundId}`;

const isBehind = (a: BacklogPlace, b: BacklogPlace): boolean =>
  a.position > b.position || (a.position === b.position && a.inboundId > b.inboundId);

export function createSimBacklog(tables: TurnTables, rows: BacklogTable, ask: Ask): BacklogStore {
  const of = (partition: number): BacklogItem[] =>
    [...rows.values()].filter((row) => row.partition === partition);

  return {
    users: (partition) =>
      ask(
        () => {
          const users = new Map<string, BacklogUser>();
          for (const { channel, account, chatUser, position } of of(partition)) {
            const key = { channel, account, chatUser };
            const known = users.get(userKey(key)) ?? {
              ...key,
              items: 0,
              first: position,
              last: position,
            };
            users.set(userKey(key), {
              ...known,
              items: known.items + 1,
              first: Math.min(known.first, position),
              last: Math.max(known.last, position),
            });
          }
          return [...users.values()];
        },
        { reads: true },
      ),
    add: (claim, items) =>
      ask(() => {
        if (!isOwner(tables, claim)) return false;
        for (const item of items) {
          const place = placeOf(claim.partition, item);
          if (!rows.has(place)) rows.set(place, { ...item, partition: claim.partition });
        }
        return true;
      }),
    read: (partition, asked) =>
      ask(
        () =>
          asked.map(({ key, after, limit }) =>
            of(partition)
              .filter((row) => userKey(row) === userKey(key) && isBehind(row, after))
              .toSorted((a, b) => (isBehind(a, b) ? 1 : -1))
              .slice(0, limit),
          ),
        { reads: true },
      ),
    remove: (partition, items) =>
      ask(() => {
        for (const item of items) rows.delete(placeOf(partition, item));
      }),
  };
}

/** A message that was set aside. */
export interface ParkedRow {
  readonly id: number;
  readonly code: string;
  readonly reason: string;
  readonly atMs: number;
  readonly item: InboundItem | null;
}

/** By its turn, or by the place that it came from. */
export type ParkedTable = Map<string, ParkedRow>;

const parks = { parks: true };
const newestMs = 86_400_000;

const nameOf = ({ channel, account, inboundId, replay }: InboundItem): AsideName => ({
  channel,
  account,
  inboundId,
  ...(replay !== undefined && { replay }),
});

export type SimParked = Pick<ParkedStore, "park" | "newest" | "keep" | "count">;

/** @param onAside a turn was set aside just now */
export function createSimParked(
  tables: TurnTables,
  rows: ParkedTable,
  ask: Ask,
  onAside: (item: InboundItem) => void = () => {},
): SimParked {
  function put(key: string, row: Omit<ParkedRow, "id" | "atMs">): void {
    const id = rows.get(key)?.id ?? rows.size + 1;
    rows.set(key, { ...row, id, atMs: tables.nowMs() });
  }
  const keyOf = ({ channel, account, inboundId }: InboundItem): string =>
    turnKey(channel, account, inboundId);

  return {
    park: (item, { code, reason }, claim) =>
      ask(() => {
        if (!isOwner(tables, claim)) return "stale-owner";
        if (tables.taken.has(keyOf(item))) return "taken";
        put(keyOf(item), { code, reason, item });
        onAside(item);
        return "parked";
      }, parks),
    newest: (partition, limit) =>
      ask(
        () =>
          [...rows.values()]
            .flatMap(({ item, code, reason, atMs }) =>
              item !== null && partitionOf(item) === partition && atMs > tables.nowMs() - newestMs
                ? [{ ...nameOf(item), code, reason, atMs }]
                : [],
            )
            .toSorted((a, b) => b.atMs - a.atMs)
            .slice(0, limit)
            .map(({ atMs: _atMs, ...one }) => one),
        { reads: true },
      ),
    keep: ({ source, item, reason }) =>
      ask(() => {
        const code = /^[A-Z0-9_]+(?=:)/.exec(reason)?.[0] ?? "UNEXPECTED";
        const key = item === null ? source : keyOf(item);
        if (item !== null || !rows.has(key)) put(key, { code, reason, item });
      }, parks),
    count: () =>
      ask(() => [...rows.values()].filter(({ item }) => item !== null).length, { reads: true }),
  };
}

/** Outcomes of steps, by turn and name. */
export type StepTable = Map<string, unknown>;

export function dropSteps(rows: StepTable, { channel, account, inboundId }: TurnKey): void {
  const turn = `${turnKey(channel, account, inboundId)} `;
  for (const key of rows.keys()) if (key.startsWith(turn)) rows.delete(key);
}

/** What the judge hears of steps. */
export interface StepWatch {
  /** The turn that has this id may make the step, as no outcome of it is known just now. */
  onUnknown(turn: string, name: string): void;
  /** The turn counts as taken: its user was forgotten while it was at work. */
  onOvertaken(turn: TurnKey): void;
}

export function createSimSteps(
  tables: TurnTables,
  rows: StepTable,
  ask: Ask,
  { onUnknown = () => {}, onOvertaken = () => {} }: Partial<StepWatch> = {},
): StepStore {
  const refusedBy = (claim: Parameters<StepStore["find"]>[2]): boolean =>
    claim !== undefined && !isOwner(tables, claim);

  return {
    find: (turn, name, claim) =>
      ask(
        () => {
          const key = turnKey(turn.channel, turn.account, turn.inboundId);
          if (refusedBy(claim) || tables.taken.has(key)) throw refused(name, turn.inboundId);
          const found = rows.get(`${key} ${name}`);
          if (found === undefined)
            onUnknown(`${turn.channel}:${turn.account}:${turn.inboundId}`, name);
          return found;
        },
        { reads: true },
      ),
    keep: (turn, name, result, claim) =>
      ask(() => {
        const key = turnKey(turn.channel, turn.account, turn.inboundId);
        if (refusedBy(claim) || tables.taken.has(key)) throw refused(name, turn.inboundId);
        const step = `${key} ${name}`;
        if (!rows.has(step)) rows.set(step, JSON.parse(JSON.stringify(result ?? null)));
        return rows.get(step);
      }),
    mayRepeat: (turn, sessionId, claim) =>
      ask(() => {
        const key = turnKey(turn.channel, turn.account, turn.inboundId);
        if (tables.erased.has(sessionId) && isOwner(tables, claim)) {
          if (!tables.taken.has(key)) onOvertaken(turn);
          tables.taken.add(key);
          dropSteps(rows, turn);
        }
        return !tables.taken.has(key);
      }),
    clear: () => ask(() => {}),
  };
}

const refused = (name: string, inboundId: string) =>
  new HoldfastError({
    code: "STEP_REFUSED",
    message: `The step "${name}" of ${inboundId} is refused: the turn took effect already, or another host takes it.`,
    next: "Nothing is to be done: this run of the handler has no effect any more.",
  });
