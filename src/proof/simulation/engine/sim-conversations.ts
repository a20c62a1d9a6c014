import { openingRule, type SessionStatus } from "../../../../machines/conversation-rules.ts";
import {
  type CommitRow,
  groupTurns,
  type GroupedTurnsOptions,
  type LoadedRow,
} from "../../../adapters/postgres/conversation-store.ts";
import type {
  ConversationStore,
  MenuChoice,
  StoredToolOutput,
  UserContext,
} from "../../../ports/conversation/conversation-store.ts";
import type { GrantRef } from "../../../ports/custody/gate.ts";
import { type Ask, ServerError, unwritableMark } from "./sim-postgres.ts";
import {
  isOwner,
  type Reply,
  type Session,
  type Turn,
  turnKey,
  type TurnTables,
  userKey,
} from "./turn-tables.ts";

/** A key as the statement of loads reads it. */
interface LoadItem {
  readonly n: number;
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly inbound_id?: string;
  readonly inactive_ms: number;
}

/** A turn as the statement of commits reads it. */
export interface CommitItem {
  readonly n: number;
  readonly partition: number;
  readonly epoch: number;
  readonly session_id: string;
  readonly expected: number;
  readonly was: SessionStatus;
  readonly channel: "telegram";
  readonly account: string;
  readonly inbound_id: string;
  readonly chat_user: string;
  readonly address: { readonly accessHash: string };
  readonly asked: string;
  readonly media?: Turn["media"];
  readonly replies?: readonly {
    readonly body: string;
    readonly menu: readonly MenuChoice[] | null;
  }[];
  readonly tool_outputs?: readonly StoredToolOutput[];
  readonly random_ids: readonly string[];
  readonly sent_by?: number;
  readonly last_seq: number;
  readonly snapshot: unknown;
  readonly context?: UserContext;
  readonly status: SessionStatus;
  readonly slot?: number;
  readonly grant_epoch?: number;
}

export interface SimConversationsOptions extends Pick<GroupedTurnsOptions, "limits" | "pace"> {
  /** Whether a token is held under this grant, and its holder may write. */
  mayWrite(grant: GrantRef): boolean;
  /** A turn was committed just now. */
  onCommit(turn: CommitItem): void;
  /** A statement is given up after its time, as it cannot write these turns. */
  onStuck(turns: readonly CommitItem[]): void;
}

const statementTimeoutMs = 15_000;

/** Sessions and turns: production's batches over statements that work on the tables. */
export function createSimConversations(
  tables: TurnTables,
  ask: Ask,
  options: SimConversationsOptions,
): ConversationStore {
  const { partitions } = tables;
  return {
    ...groupTurns(
      {
        load: (keys) =>
          ask(() => (JSON.parse(keys) as LoadItem[]).flatMap((key) => load(tables, key))),
        commit: (turns) => ask(() => commitAll(tables, options, JSON.parse(turns) as CommitItem[])),
      },
      { rules: tables.rules, ...options },
    ),
    claimPartition: (partition, owner) =>
      ask(() => {
        const epoch = (partitions.get(partition)?.epoch ?? 0) + 1;
        partitions.set(partition, { epoch, owner });
        return { partition, epoch };
      }),
    releasePartition: ({ partition, epoch }) =>
      ask(() => {
        const row = partitions.get(partition);
        if (row?.epoch === epoch) row.owner = null;
      }),
    releaseUnanswered: (partition, owner) =>
      ask(() => {
        const row = partitions.get(partition);
        if (row?.owner === owner) row.owner = null;
      }),
    partitionOwner: (partition) =>
      ask(() => partitions.get(partition)?.owner ?? null, { reads: true }),
    move: (sessionId, event) => ask(() => moveSession(tables, sessionId, event)),
  };
}

/** A person moves a session. Answers its new status; null: it does not take that. */
export function moveSession(
  tables: TurnTables,
  sessionId: string,
  event: Parameters<ConversationStore["move"]>[1],
): SessionStatus | null {
  const { rules } = tables;
  const session = tables.sessions.get(sessionId);
  const to = session === undefined ? undefined : rules.moves[event][session.status];
  if (session === undefined || to === undefined || !rules.open.includes(session.status))
    return null;
  if (event === "resolve" && rules.returning.includes(session.status)) {
    session.returnedTurns = session.turns;
  }
  become(tables, session, to);
  return to;
}

/** A session in a status that is not open is no user's any more. */
function become({ open, rules }: TurnTables, session: Session, status: SessionStatus): void {
  session.status = status;
  if (!rules.open.includes(status) && open.get(session.user) === session) open.delete(session.user);
}

function load(tables: TurnTables, key: LoadItem): LoadedRow[] {
  const { channel, account, chat_user: chatUser, inbound_id: inboundId } = key;
  if (inboundId !== undefined && tables.taken.has(turnKey(channel, account, inboundId))) return [];
  const user = userKey({ channel, account, chatUser });
  const found = tables.open.get(user);
  const to = found && tables.rules.moves.inactive[found.status];
  if (
    found !== undefined &&
    to !== undefined &&
    found.lastTurnMs < tables.nowMs() - key.inactive_ms
  ) {
    become(tables, found, to);
  }
  const open = tables.open.get(user);
  const session = open ?? openSession(tables, user);
  const created = open === undefined;
  const before = created || session.turns === 0 ? statusBefore(tables, session) : null;
  const said = (tables.turnsOf.get(session.id) ?? []).slice(-20);
  return [
    {
      n: key.n,
      id: session.id,
      status: session.status,
      turns: session.turns,
      last_seq: session.lastSeq,
      snapshot: session.snapshot,
      context: session.context,
      progress: null,
      created,
      before,
      forgotten: session.turns === 0 && before === null && tables.forgotten.has(user) ? true : null,
      returned: session.returnedTurns === session.turns,
      said: said.map(({ seq, asked, replies, media }) => [seq, asked, replies, media] as const),
      recorded: said.flatMap(({ toolOutputs }) => (toolOutputs === null ? [] : [toolOutputs])),
    },
  ];
}

function openSession(tables: TurnTables, user: string): Session {
  const { sessions, newest } = tables;
  const before = newest.get(user);
  tables.lastSession += 1;
  const session: Session = {
    id: String(tables.lastSession),
    user,
    status: openingRule(tables.rules, before?.status ?? null).to,
    turns: 0,
    lastSeq: 0,
    snapshot: null,
    context: before?.context ?? null,
    lastTurnMs: tables.nowMs(),
    returnedTurns: null,
  };
  sessions.set(session.id, session);
  newest.set(user, session);
  tables.open.set(user, session);
  return session;
}

function statusBefore({ sessions }: TurnTables, { id, user }: Session): SessionStatus | null {
  let before: SessionStatus | null = null;
  for (const one of sessions.values()) {
    if (one.id === id) break;
    if (one.user === user) before = one.status;
  }
  return before;
}

function commitAll(
  tables: TurnTables,
  options: SimConversationsOptions,
  items: readonly CommitItem[],
): CommitRow[] {
  const stuck = items.filter(({ context = null }) => context !== null && unwritableMark in context);
  if (stuck.length > 0) {
    options.onStuck(stuck);
    const message = "canceling statement due to statement timeout";
    throw new ServerError(message, { code: "57014", takesMs: statementTimeoutMs });
  }
  const refused: CommitRow[] = [];
  const claimed: number[] = [];
  for (const item of items) {
    const outcome = commitOne(tables, options, item);
    if (outcome === "claimed") claimed.push(item.n);
    else if (outcome !== "committed") refused.push({ n: item.n, ...outcome, claimed: null });
  }
  return [...refused, { n: null, claimed: claimed.length === 0 ? null : claimed }];
}

function commitOne(tables: TurnTables, options: SimConversationsOptions, item: CommitItem) {
  const { channel, account, inbound_id: inboundId, slot, grant_epoch: epoch } = item;
  const key = turnKey(channel, account, inboundId);
  const [owned, seen] = [isOwner(tables, item), tables.taken.has(key)];
  const session = tables.sessions.get(item.session_id);
  const isAsLoaded = session?.lastSeq === item.expected && session.status === item.was;
  if (!owned || seen || session === undefined || !isAsLoaded) return { owned, seen };
  const claims =
    slot !== undefined &&
    epoch !== undefined &&
    options.mayWrite({ account, slot, epoch }) &&
    (tables.newestReplies.get(session.id)?.state ?? "pending") !== "pending";
  session.lastSeq = item.last_seq;
  session.turns += 1;
  session.snapshot = item.snapshot;
  session.context = item.context ?? null;
  session.lastTurnMs = tables.nowMs();
  become(tables, session, item.status);
  const turn: Turn = {
    session: session.id,
    createdMs: tables.nowMs(),
    seq: item.expected + 1,
    asked: item.asked,
    inboundId,
    media: item.media ?? null,
    replies: item.replies ?? [],
    toolOutputs: item.tool_outputs ?? null,
  };
  tables.taken.add(key);
  tables.turnsOf.set(session.id, [...(tables.turnsOf.get(session.id) ?? []), turn]);
  for (const [index, randomId] of item.random_ids.entries()) {
    queue(tables, item, { index, randomId, claims });
  }
  options.onCommit(item);
  return claims ? ("claimed" as const) : ("committed" as const);
}

function queue(
  tables: TurnTables,
  item: CommitItem,
  { index, randomId, claims }: { index: number; randomId: string; claims: boolean },
): void {
  const { body, menu } = item.replies![index]!;
  const seq = item.expected + 2 + index;
  const reply: Reply = {
    session: item.session_id,
    seq,
    channel: item.channel,
    account: item.account,
    chatUser: item.chat_user,
    accessHash: item.address.accessHash,
    inboundId: item.inbound_id,
    replyIndex: index,
    randomId,
    body,
    menu,
    partition: item.sent_by ?? null,
    createdMs: tables.nowMs(),
    state: claims ? "sending" : "pending",
    slot: claims ? item.slot! : null,
    epoch: claims ? item.grant_epoch! : null,
    attempts: 0,
    nextMs: 0,
    failure: null,
    messageId: null,
    changedMs: tables.nowMs(),
  };
  const id = `${reply.session}:${seq}`;
  tables.replies.set(id, reply);
  tables.newestReplies.set(reply.session, reply);
  tables.unsent.set(id, reply);
}
