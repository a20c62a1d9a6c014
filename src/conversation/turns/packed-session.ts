import type { SessionTexts } from "../../ports/conversation/bot-runner.ts";
import {
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type ProgressUpdate,
  type StoredMessage,
  type StoredToolOutput,
  type TurnReply,
  type UserContext,
} from "../../ports/conversation/conversation-store.ts";
import { storableJson } from "../../ports/conversation/storable-text.ts";
import type { SessionHead } from "./session-after.ts";

/** One text takes a fraction of the memory of the objects that it becomes. */
export type Json = string;

/**
 * The messages of one turn: number of the first, the user's message if that is the first, and the
 * replies.
 */
type Said = readonly [seq: number, asked: Asked | null, ...replies: (string | TurnReply)[]];
type Asked = string | Pick<StoredMessage, "body" | "media">;
/** The tool outputs of one turn. */
type Recorded = readonly (readonly [seq: number, name: string, output: unknown])[];

/** A session as texts: `said` holds `Said`s, `recorded` holds `Recorded`s. */
export type PackedSession = SessionHead & SessionTexts;

const parseAll = (texts: readonly Json[]): unknown => JSON.parse(`[${texts.join(",")}]`);

function addMessages(messages: StoredMessage[], [first, asked, ...replies]: Said): void {
  let seq = first;
  if (asked !== null) {
    messages.push(
      typeof asked === "string"
        ? { seq, role: "user", body: asked, menu: null }
        : { seq, role: "user", menu: null, ...asked },
    );
    seq += 1;
  }
  for (const reply of replies) {
    const { body, menu, by } = typeof reply === "string" ? bare(reply) : reply;
    messages.push({ seq, role: by ?? "bot", body, menu });
    seq += 1;
  }
}

const bare = (body: string): TurnReply => ({ body, menu: null });

const askedOf = ({ body, media }: Pick<StoredMessage, "body" | "media">): Asked =>
  media === undefined ? body : { body, media };

export const recordedText = (outputs: readonly StoredToolOutput[]): Json =>
  storableJson(outputs.map(({ seq, name, output }) => [seq, name, output]) satisfies Recorded);

export function saidText(seq: number, asked: Asked | null, replies: readonly TurnReply[]): Json {
  const short = replies.map(({ body, menu, by }) => {
    if (by !== undefined) return { body, menu, by };
    return menu === null ? body : { body, menu };
  });
  return storableJson([seq, asked, ...short] satisfies Said);
}

/**
 * A session that is kept as texts. Fields are parsed on access, never kept: a parsed session would survive
 * until its commit and be copied by the collector.
 */
export class UnpackedSession implements LoadedSession {
  readonly id: string;
  readonly decision: LoadedSession["decision"];
  readonly status: LoadedSession["status"];
  readonly turns: number;
  readonly lastSeq: number;
  readonly packed: PackedSession;

  constructor(packed: PackedSession) {
    this.id = packed.id;
    this.decision = packed.decision;
    this.status = packed.status;
    this.turns = packed.turns;
    this.lastSeq = packed.lastSeq;
    this.packed = packed;
  }

  get snapshot(): unknown {
    return JSON.parse(this.packed.snapshot);
  }

  get context(): UserContext | null {
    const { context } = this.packed;
    return context === null ? null : (JSON.parse(context) as UserContext);
  }

  get progress(): ProgressUpdate | null {
    const { progress } = this.packed;
    return progress === null ? null : (JSON.parse(progress) as ProgressUpdate);
  }

  get messages(): readonly StoredMessage[] {
    const messages: StoredMessage[] = [];
    for (const said of parseAll(this.packed.said) as Said[]) addMessages(messages, said);
    return messages.length > historyMessages ? messages.slice(-historyMessages) : messages;
  }

  get toolOutputs(): readonly StoredToolOutput[] {
    return (parseAll(this.packed.recorded) as Recorded[])
      .flat()
      .slice(-historyToolOutputs)
      .map(([seq, name, output]) => ({ seq, name, output }));
  }
}

/** The texts of a loaded session; of one that came from texts, those. */
export const textsOf = (session: LoadedSession): SessionTexts =>
  session instanceof UnpackedSession ? session.packed : textsOfLoaded(session);

/** One text for the messages from one of the user's to the next. */
function textsOfLoaded(session: LoadedSession): SessionTexts {
  const { toolOutputs } = session;
  const said = byTurn(session.messages).map((turn) => {
    const [first] = turn;
    const asked = first!.role === "user" ? askedOf(first!) : null;
    return saidText(first!.seq, asked, (asked === null ? turn : turn.slice(1)).map(replyOf));
  });
  return {
    snapshot: storableJson(session.snapshot ?? null),
    context: session.context && storableJson(session.context),
    progress: session.progress && storableJson(session.progress),
    said,
    recorded: toolOutputs.map((output) => recordedText([output])),
  };
}

const replyOf = ({ role, body, menu }: StoredMessage): TurnReply =>
  role === "person" ? { body, menu, by: role } : { body, menu };

/** The first may lack its beginning, and what a person said stands after a gap of its own. */
function byTurn(messages: readonly StoredMessage[]): readonly (readonly StoredMessage[])[] {
  const turns: StoredMessage[][] = [];
  for (const message of messages) {
    const turn = turns.at(-1);
    const follows = turn?.at(-1)?.seq === message.seq - 1;
    if (turn === undefined || message.role === "user" || !follows) turns.push([message]);
    else turn.push(message);
  }
  return turns;
}
