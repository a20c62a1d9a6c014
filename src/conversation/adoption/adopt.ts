import type {
  AdoptedSession,
  AdoptedTurn,
  AdoptionStore,
  AdoptionWriter,
  OldConversations,
  OldCounts,
  OldSession,
} from "../../ports/conversation/old-conversations.ts";
import { createOldTurns, leave, type LeftBehind, type OldTurns } from "./old-turns.ts";

/** Of one transaction, unless one session alone has more. */
const messagesAtOnce = 5000;
const sessionsAtOnce = 500;
/** Of one statement. */
const turnsAtOnce = 500;
const charactersAtOnce = 4 * 1024 * 1024;
const chatUserLengthMax = 256;

export interface AdoptionReport {
  readonly users: number;
  readonly sessions: {
    readonly found: number;
    /** They go on: each user's newest active one. */
    readonly active: number;
    /** They were active, and their users have a newer one, or an open one here. */
    readonly ended: number;
    /** They had ended before. */
    readonly history: number;
    readonly adoptedBefore: number;
    readonly skipped: number;
  };
  readonly messages: {
    readonly found: number;
    readonly copied: number;
    readonly adoptedBefore: number;
    readonly skipped: number;
  };
  readonly toolOutputs: number;
  readonly skipped: readonly { readonly reason: string; readonly count: number }[];
}

export interface AdoptOptions {
  readonly old: OldConversations;
  readonly counts: OldCounts;
  readonly store: AdoptionStore;
  /** Everything is read and counted, and nothing is written. */
  readonly dryRun: boolean;
  /** Told after each transaction. */
  onProgress?(messages: number): void;
}

/** Counts of what is done; a transaction's own are added once it is committed. */
interface Tally {
  active: number;
  ended: number;
  history: number;
  adoptedBefore: number;
  skipped: number;
  copied: number;
  copiedBefore: number;
  toolOutputs: number;
  readonly left: LeftBehind;
}

const newTally = (): Tally => ({
  active: 0,
  ended: 0,
  history: 0,
  adoptedBefore: 0,
  skipped: 0,
  copied: 0,
  copiedBefore: 0,
  toolOutputs: 0,
  left: new Map(),
});

/**
 * Brings the sessions of an old database over, part by part. Each part is one transaction: after any of them it may be
 * broken off, and the next run goes on. A session that came over before is left alone.
 */
export async function adoptConversations(options: AdoptOptions): Promise<AdoptionReport> {
  const { old, counts, onProgress = () => {} } = options;
  const sum = newTally();
  for await (const sessions of old.sessions()) {
    for (const part of partsOf(sessions)) {
      add(sum, await adoptPart(part, options));
      onProgress(sum.copied + sum.copiedBefore);
    }
  }
  leave(sum.left, "messages of no session", counts.messagesOfNoSession);
  return {
    users: counts.users,
    sessions: {
      found: counts.sessions,
      active: sum.active,
      ended: sum.ended,
      history: sum.history,
      adoptedBefore: sum.adoptedBefore,
      skipped: sum.skipped,
    },
    messages: {
      found: counts.messages,
      copied: sum.copied,
      adoptedBefore: sum.copiedBefore,
      skipped: counts.messages - sum.copied - sum.copiedBefore,
    },
    toolOutputs: sum.toolOutputs,
    skipped: [...sum.left].map(([reason, count]) => ({ reason, count })),
  };
}

/** A session is never divided. */
function* partsOf(sessions: readonly OldSession[]): Generator<readonly OldSession[]> {
  let [part, messages]: [OldSession[], number] = [[], 0];
  for (const session of sessions) {
    const isFull = part.length === sessionsAtOnce || messages + session.messages > messagesAtOnce;
    if (part.length > 0 && isFull) {
      yield part;
      [part, messages] = [[], 0];
    }
    part.push(session);
    messages += session.messages;
  }
  if (part.length > 0) yield part;
}

/** `known`: the sessions of this part that came over before. */
async function adoptPart(
  part: readonly OldSession[],
  { old, store, dryRun }: AdoptOptions,
): Promise<Tally> {
  if (!dryRun) return store.transaction((writer) => writePart(part, old, writer));
  const users = part.flatMap(({ chatUser }) => chatUser ?? []);
  const open = await store.withOpenSession(users);
  return writePart(part, old, rehearsal(store, open));
}

/** A writer that writes nothing, and answers as if it had. */
function rehearsal(store: AdoptionStore, open: ReadonlySet<string>): AdoptionWriter {
  let last = 0;
  return {
    known: (sourceIds) => store.known(sourceIds),
    nextId() {
      last -= 1;
      return String(last);
    },
    turns: () => Promise.resolve(),
    sessions: (sessions) =>
      Promise.resolve(
        new Set(
          sessions
            .filter(({ isActive, chatUser }) => isActive && !open.has(chatUser))
            .map(({ id }) => id),
        ),
      ),
  };
}

async function writePart(
  part: readonly OldSession[],
  old: OldConversations,
  writer: AdoptionWriter,
): Promise<Tally> {
  const tally = newTally();
  const known = await writer.known(part.map(({ sourceId }) => sourceId));
  const begun = new Map<string, { session: OldSession; id: string; turns: OldTurns }>();
  for (const session of part) {
    const { sourceId, messages } = session;
    const why = reasonToSkip(session);
    if (known.has(sourceId)) {
      tally.adoptedBefore += 1;
      tally.copiedBefore += messages;
    } else if (why !== null) {
      tally.skipped += 1;
      leave(tally.left, why);
      leave(tally.left, "messages of skipped sessions", messages);
    } else {
      const id = writer.nextId();
      begun.set(sourceId, { session, id, turns: createOldTurns(id, sourceId) });
    }
  }
  await copyTurns([...begun.values()], { old, writer, left: tally.left });
  const sessions = [...begun.values()].map(({ session, id, turns }) =>
    adoptedSession(session, id, turns),
  );
  const active = await writer.sessions(sessions);
  for (const { session, id, turns } of begun.values()) {
    if (active.has(id)) tally.active += 1;
    else if (session.wasActive) tally.ended += 1;
    else tally.history += 1;
    tally.copied += turns.messages;
    tally.toolOutputs += turns.toolOutputs;
  }
  return tally;
}

interface Begun {
  readonly session: OldSession;
  readonly turns: OldTurns;
}

interface CopyOptions {
  readonly old: OldConversations;
  readonly writer: AdoptionWriter;
  readonly left: LeftBehind;
}

/** No more than one statement's worth is held at a time, however long a session is. */
async function copyTurns(
  begun: readonly Begun[],
  { old, writer, left }: CopyOptions,
): Promise<void> {
  const withMessages = begun.filter(({ session }) => session.messages > 0);
  if (withMessages.length === 0) return;
  const of = new Map(withMessages.map(({ session, turns }) => [session.sourceId, turns]));
  let [waiting, characters]: [AdoptedTurn[], number] = [[], 0];
  const flush = async () => {
    if (waiting.length > 0) await writer.turns(waiting);
    [waiting, characters] = [[], 0];
  };
  const keep = (turn: AdoptedTurn | null) => {
    if (turn === null) return;
    waiting.push(turn);
    characters += sizeOf(turn);
  };
  let current: OldTurns | null = null;
  for await (const messages of old.messages([...of.keys()])) {
    for (const message of messages) {
      const turns = of.get(message.sourceId) ?? null;
      if (current !== turns) keep(current?.end() ?? null);
      current = turns;
      keep(turns?.add(message, left) ?? null);
      if (waiting.length >= turnsAtOnce || characters >= charactersAtOnce) await flush();
    }
  }
  keep(current?.end() ?? null);
  await flush();
}

/** In characters, about. */
const sizeOf = ({ asked, replies, toolOutputs }: AdoptedTurn): number =>
  asked.length +
  (replies ?? []).reduce((sum, { body }) => sum + body.length, 0) +
  (toolOutputs === null ? 0 : JSON.stringify(toolOutputs).length);

function reasonToSkip({ chatUser }: OldSession): string | null {
  if (chatUser === null || chatUser.trim() === "") return "sessions whose user has no name here";
  return chatUser.length > chatUserLengthMax ? "sessions whose user's name is too long" : null;
}

const adoptedSession = (
  { sourceId, chatUser, isNewest, context, createdAt, lastAt, endedAt }: OldSession,
  id: string,
  { turns, lastSeq }: OldTurns,
): AdoptedSession => ({
  id,
  sourceId,
  chatUser: chatUser ?? "",
  isActive: isNewest,
  turns,
  lastSeq,
  context,
  createdAt,
  lastAt,
  endedAt,
});

function add(sum: Tally, part: Tally): void {
  sum.active += part.active;
  sum.ended += part.ended;
  sum.history += part.history;
  sum.adoptedBefore += part.adoptedBefore;
  sum.skipped += part.skipped;
  sum.copied += part.copied;
  sum.copiedBefore += part.copiedBefore;
  sum.toolOutputs += part.toolOutputs;
  for (const [reason, count] of part.left) leave(sum.left, reason, count);
}
