import type { SessionDecision } from "../../../machines/conversation-rules.ts";
import type {
  MenuChoice,
  ProgressUpdate,
  StoredMessage,
  StoredToolOutput,
  UserContext,
} from "./conversation-store.ts";
import type { BotLog } from "./bot-log.ts";
import type { Media } from "../telegram/media.ts";

/**
 * A bot's memory between turns. The version is the bot's own: it must be able to read its older
 * ones.
 */
export interface BotState {
  readonly machineId: string;
  readonly schemaVersion: number;
  /** JSON. */
  readonly state: unknown;
}

/** The chosen item of a tool output, as it was when the menu was shown. */
export interface ChosenItem {
  /** The name the output was recorded under. */
  readonly toolOutput: string;
  readonly index: number;
  readonly value: unknown;
}

/** Why a choice could not be resolved; also the stable code that is counted. */
export type StaleReason = "CHOICE_MALFORMED" | "CHOICE_OF_OTHER_SESSION" | "CHOICE_UNKNOWN";

/** The chat user of a turn. */
export interface TurnFrom {
  /** The user's id in the channel: Telegram's number as text, or the address that the webhook was given. */
  readonly id: string;
  /** First and last name; null where the channel does not tell, as for the two below. At most 128 UTF-16 units. */
  readonly name: string | null;
  /** Without `@`. At most 64 units. */
  readonly username: string | null;
  /** An IETF tag, such as `fr`; Telegram tells it to bots alone. At most 16 units. */
  readonly language: string | null;
}

export type TurnInput =
  | { readonly kind: "text"; readonly text: string }
  /** Photos and files; the caption may be empty. */
  | { readonly kind: "media"; readonly media: readonly Media[]; readonly caption: string }
  | { readonly kind: "action"; readonly action: string; readonly item?: ChosenItem }
  /** A button of an ended session, or data that no button of this account carries: offer a fresh menu. */
  | { readonly kind: "stale-action"; readonly reason: StaleReason }
  /**
   * A reply of an earlier turn was given up: its text, and the channel's reason, such as
   * USER_IS_BLOCKED. Only bots with `hearsUndeliverable` get it. It is no message of the user's.
   */
  | { readonly kind: "undeliverable"; readonly text: string; readonly code: string };

/**
 * One inbound message on its way to its effects. Nothing happens while the handler runs. Its
 * requests are committed together after it returns, or not at all when it throws, and the turn may
 * then run again.
 */
export interface Turn {
  /** The same in every attempt at this turn: a key for calls to the outside that must happen once. */
  readonly id: string;
  readonly account: string;
  readonly session: {
    readonly id: string;
    readonly decision: SessionDecision;
    /** Turns taken before this one. */
    readonly turns: number;
  };
  /**
   * Aborts when the handler's time is up or it has failed: nothing of this run counts any more. Pass it on to calls
   * that take one, so that they end; the handler runs again only after it has ended.
   */
  readonly signal: AbortSignal;
  /** The newest messages of the session before this one, oldest first. */
  readonly history: readonly StoredMessage[];
  readonly toolOutputs: readonly StoredToolOutput[];
  readonly input: TurnInput;
  /** Who writes. */
  readonly from: TurnFrom;
  /** When the message was written, by the channel's clock; null where that is not told, as for a pressed button. */
  readonly date: Date | null;
  /** The state kept by `setState` in an earlier turn of this session; null in its first. */
  readonly state: BotState | null;
  setState(state: BotState): void;
  /** The facts that `remember` kept of this user, in this session or an earlier one. */
  readonly context: UserContext;
  /** Adds facts (JSON) about the user that outlive the session, such as `{language: "fr"}`. */
  remember(facts: UserContext): void;
  /** The user's current report, begun in this session or an earlier one. */
  readonly progress: ProgressUpdate | null;
  /** Begins a progress update at zero, in place of an earlier one: a user has one at a time. */
  beginProgress(subject: unknown): void;
  /**
   * Adds to the counts, and keeps the newest status. Throws NO_PROGRESS_UPDATE where none was
   * begun.
   */
  addProgress(what: { images?: number; comments?: number; status?: string }): void;
  endProgress(): void;
  /**
   * Makes a call to the outside and keeps its outcome (JSON) at once, under a name that is unique in the turn. Should
   * the turn be taken again, after a crash or a move, the outcome is answered and the call is not repeated. A call that
   * was cut off before its outcome was kept is made again: pass `id` on as its idempotency key where there is one.
   */
  step<T>(name: string, call: () => Promise<T> | T): Promise<T>;
  /**
   * The bytes of a file that came in this session. At most 20 MiB unless `bytesMax` allows more:
   * MEDIA_TOO_LARGE. Inside `step` keep the result of their use, not the bytes.
   */
  download(media: Media, options?: { readonly bytesMax?: number }): Promise<Uint8Array>;
  /** Keeps a result (JSON) in the session. Answers the number by which `MenuChoice.item` points into it. */
  record(name: string, output: unknown): number;
  /**
   * Sent after the commit, in this order, with at most 50 choices. What does not fit into one message of 4,096 UTF-16
   * units goes in several, parted between paragraphs, lines, sentences or words; the menu stands under the last. A turn
   * sends at most 20 messages: REPLY_UNSENDABLE. Where menus are numbered, a typed number answers the menu of the bot's
   * last turn alone. It answers a `sticky` one too, after turns without a menu, until the bot sends another sticky one
   * or the session is over.
   */
  reply(body: string, menu?: readonly MenuChoice[], options?: { readonly sticky?: boolean }): void;
  /** Lines in the log of the host, with the bot, the account and the turn. */
  readonly log: BotLog;
  /** Hands the session to a person: later messages are recorded and the bot does not run. */
  escalate(): void;
  /** Ends the session with this turn; the next message begins a new one. */
  end(): void;
}

/**
 * A bot author's handlers. A handler that throws a `HoldfastError` with the policy `retryable` runs
 * again after a rest: a second at first, two minutes at most, a quarter of an hour in all, and not before the error's
 * `waitSeconds`. Its user waits meanwhile, and nobody else. After that, and after any other error, the inbound message
 * is set aside with its reason, and the user's next one goes on.
 */
export interface Bot {
  readonly name: string;
  /** Whom it answers beside people: other bots, and this fleet's own accounts. By default neither. */
  readonly alsoAnswers?: readonly ("bot" | "fleet")[];
  /** Whether it is told of replies that could not be delivered; by default not. */
  readonly hearsUndeliverable?: boolean;
  handle(turn: Turn): Promise<void> | void;
}
