import {
  type StoredToolOutput,
  toolOutputsMax,
  type TurnReply,
} from "../../ports/conversation/conversation-store.ts";
import type { AdoptedTurn, OldMessage } from "../../ports/conversation/old-conversations.ts";
import type { Media } from "../../ports/telegram/media.ts";

/** Replies of one turn: a bot that said more than that in a row said it in several. */
const repliesMax = 50;
const toolNameLengthMax = 200;
const urlLengthMax = 2048;

/** Reasons for which something is left behind, each with its count. */
export type LeftBehind = Map<string, number>;

interface Begun {
  readonly seq: number;
  readonly asked: string;
  readonly media: readonly Media[] | null;
  readonly replies: TurnReply[];
  readonly toolOutputs: StoredToolOutput[];
  readonly at: Date;
}

/** Makes turns of the messages of one session. */
export interface OldTurns {
  /** Answers the turn that this message ends, if it does. Counts what it leaves behind. */
  add(message: OldMessage, left: LeftBehind): AdoptedTurn | null;
  end(): AdoptedTurn | null;
  readonly turns: number;
  readonly lastSeq: number;
  readonly messages: number;
  readonly toolOutputs: number;
}

/**
 * A message of the user begins a turn, and what the bot says after it are its replies. What a bot said before any
 * question hangs on an empty one, as a turn always has a question.
 */
export function createOldTurns(sessionId: string, sourceId: string): OldTurns {
  let begun: Begun | null = null;
  let [turns, lastSeq, messages, toolOutputs] = [0, 0, 0, 0];

  function begin(asked: string, media: readonly Media[] | null, at: Date): Begun {
    turns += 1;
    lastSeq += 1;
    return { seq: lastSeq, asked, media, replies: [], toolOutputs: [], at };
  }

  function end(): AdoptedTurn | null {
    if (begun === null) return null;
    const { seq, asked, media, replies, toolOutputs: recorded, at } = begun;
    begun = null;
    return {
      sessionId,
      seq,
      inboundId: `adopted:${sourceId}:${seq}`,
      asked,
      media,
      replies: replies.length === 0 ? null : replies,
      toolOutputs: recorded.length === 0 ? null : recorded,
      at,
    };
  }

  return {
    add(message, left) {
      const { role, body, at } = message;
      const why = reasonToLeave(message);
      if (why !== null || role === null || body === null) {
        leave(left, why ?? "");
        return null;
      }
      messages += 1;
      const isFull = begun !== null && begun.replies.length >= repliesMax;
      const ended = role === "user" || isFull ? end() : null;
      if (role === "user") begun = begin(body, mediaOf(message), at);
      begun ??= begin("", null, at);
      if (role === "bot") {
        lastSeq += 1;
        begun.replies.push({ body: body === "" ? (message.media?.url ?? "") : body, menu: null });
      }
      toolOutputs += record(begun, message, left);
      return ended;
    },
    end,
    get turns() {
      return turns;
    },
    get lastSeq() {
      return lastSeq;
    },
    get messages() {
      return messages;
    },
    get toolOutputs() {
      return toolOutputs;
    },
  };
}

export function leave(left: LeftBehind, reason: string, count = 1): void {
  if (count > 0) left.set(reason, (left.get(reason) ?? 0) + count);
}

function reasonToLeave({ role, body, media }: OldMessage): string | null {
  if (role === null) return "messages that are neither the user's nor the bot's";
  if (body === null) return "messages that are too long";
  if (body.trim() === "" && media === null) return "messages without text or file";
  return null;
}

function mediaOf({ media }: OldMessage): readonly Media[] | null {
  if (media === null || media.url.length > urlLengthMax || !/^https?:\/\//.test(media.url)) {
    return null;
  }
  const mimeType = media.mimeType ?? "application/octet-stream";
  return [
    {
      type: mimeType.startsWith("image/") ? "photo" : "file",
      mimeType,
      size: null,
      fileName: null,
      source: { kind: "url", url: media.url },
    },
  ];
}

/** Answers how many were written down. */
function record({ seq, toolOutputs }: Begun, message: OldMessage, left: LeftBehind): number {
  if (message.toolOutputsTooLong) leave(left, "tool outputs that are too long");
  const given = message.toolOutputs;
  if (given === null || given === undefined) return 0;
  const entries: readonly unknown[] = Array.isArray(given) ? given : [given];
  let count = 0;
  for (const entry of entries) {
    const read = readOutput(entry);
    if (read === null) leave(left, "tool outputs without a name");
    else if (toolOutputs.length >= toolOutputsMax) leave(left, "tool outputs beyond 64 of a turn");
    else {
      toolOutputs.push({ seq: seq * toolOutputsMax + toolOutputs.length, ...read });
      count += 1;
    }
  }
  return count;
}

function readOutput(entry: unknown): Pick<StoredToolOutput, "name" | "output"> | null {
  if (typeof entry !== "object" || entry === null) return null;
  const fields = entry as Readonly<Record<string, unknown>>;
  const name = fields["tool"] ?? fields["tool_name"] ?? fields["name"];
  if (typeof name !== "string" || name === "" || name.length > toolNameLengthMax) return null;
  return { name, output: fields["output"] ?? fields["result"] ?? null };
}
