import { createMediaReader } from "./conversation/turns/media-reader.ts";
import { createRehearsal } from "./conversation/rehearsal/rehearsal.ts";
import type { Bot, TurnFrom } from "./ports/conversation/bot.ts";
import type { BotLogLine } from "./ports/conversation/bot-log.ts";
import type { Media } from "./ports/telegram/media.ts";
import { writerOf } from "./ports/telegram/writer.ts";
import type { UserContext } from "./ports/conversation/conversation-store.ts";

export { startTelegramDc, type TelegramDc } from "./telegram-dc/telegram-dc.ts";

/** The bot's answers to one message. */
export interface Heard {
  /** The replies' texts, in order. */
  readonly texts: readonly string[];
  /** The labels of the choices that were offered. */
  readonly choices: readonly string[];
  readonly ended: boolean;
  readonly escalated: boolean;
}

/** A person who talks to a bot in memory: no server, no database, nothing leaves. */
export interface Talk {
  say(text: string): Promise<Heard>;
  /** Sends a photo, or a file with a name; `turn.download` gives these bytes. */
  sendFile(
    bytes: Uint8Array,
    options?: { caption?: string; fileName?: string; mimeType?: string },
  ): Promise<Heard>;
  /** Presses the newest button with that label. */
  press(label: string): Promise<Heard>;
  /** A person to whom the bot has escalated says this, and gives the session back. Throws where none has it. */
  giveBack(...said: readonly string[]): void;
  /** The bot's memory of the person. */
  readonly context: UserContext;
  /** The lines that the bot logged, oldest first. */
  readonly log: readonly BotLogLine[];
}

export interface TalkOptions {
  /** Who writes, as `turn.from`; by default the user 1, of whom nothing is told. */
  readonly from?: Partial<TurnFrom>;
  /** When each message is written, as `turn.date`; by default now. */
  readonly now?: () => Date;
}

/** For a bot's own tests: runs its handlers as turns do, with history, tool outputs and memoised steps. */
export function talkTo(
  bot: Bot,
  kind: "bot" | "user" = "bot",
  { from: { id = "1", name, username, language } = {}, now = () => new Date() }: TalkOptions = {},
): Talk {
  const writer = writerOf({
    name: name ?? undefined,
    username: username ?? undefined,
    language: language ?? undefined,
  });
  const log: BotLogLine[] = [];
  const files = new Map<string, Uint8Array>();
  const media = createMediaReader({
    invoke: () => Promise.reject(new Error("a rehearsal calls nobody")),
    fetchUrl: async (url) => files.get(url) ?? new Uint8Array(),
  });
  const rehearsal = createRehearsal(bot, {
    kind,
    media,
    chatUser: id,
    ...(writer !== undefined && { from: writer }),
    log: (line) => void log.push(line),
  });
  let messages = 0;
  async function take(inputKind: "text" | "tap", text: string, sent?: Media): Promise<Heard> {
    messages += 1;
    const { session } = rehearsal;
    const { replies } = await rehearsal.take({
      inboundId: `m:${messages}`,
      kind: inputKind,
      text,
      ...(inputKind === "text" && { writtenAtMs: now().getTime() }),
      ...(sent !== undefined && { media: [sent] }),
    });
    return {
      texts: replies.map(({ body }) => body),
      choices: replies.flatMap(({ menu }) => menu ?? []).map(({ label }) => label),
      ended: rehearsal.session.id !== session.id,
      escalated: rehearsal.session.decision === "SESSION_WITH_HUMAN",
    };
  }
  return {
    say: (text) => take("text", text),
    sendFile(bytes, { caption = "", fileName, mimeType } = {}) {
      const url = `rehearsal:${files.size + 1}`;
      files.set(url, bytes);
      return take("text", caption, {
        type: fileName === undefined ? "photo" : "file",
        mimeType: mimeType ?? (fileName === undefined ? "image/jpeg" : "application/octet-stream"),
        size: bytes.length,
        fileName: fileName ?? null,
        source: { kind: "url", url },
      });
    },
    async press(label) {
      const reference = rehearsal.referenceTo(label);
      if (reference === null) throw new Error(`no choice "${label}" was offered`);
      return take("tap", reference);
    },
    log,
    giveBack(...said) {
      if (rehearsal.session.decision !== "SESSION_WITH_HUMAN") throw new Error("no person has it");
      rehearsal.giveBack(said);
    },
    get context() {
      return rehearsal.session.context ?? {};
    },
  };
}
