import { HoldfastError } from "../../errors.ts";
import type { MediaReader } from "../telegram/media.ts";
import type { BotLogLine } from "./bot-log.ts";
import type { Bot, BotState, TurnInput } from "./bot.ts";
import type {
  LoadedSession,
  MenuChoice,
  ProgressUpdate,
  StoredToolOutput,
  UserContext,
} from "./conversation-store.ts";
import type { InboundItem } from "./inbound-stream.ts";

/** A session as JSON texts: each crosses as it stands, and is read where the bot asks for it. */
export interface SessionTexts {
  readonly snapshot: string;
  readonly context: string | null;
  readonly progress: string | null;
  /** The messages, oldest first: one text for each turn, at least as many messages as a turn is given. */
  readonly said: readonly string[];
  /** The tool outputs, oldest first, likewise. */
  readonly recorded: readonly string[];
}

/** Answers the outcome of one call of this turn; makes the call only if no outcome is known. */
export type StepRunner = <T>(name: string, call: () => Promise<T> | T) => Promise<T>;

/** The material of a turn. */
export interface TurnMaterial {
  readonly item: InboundItem;
  readonly session: LoadedSession;
  readonly input: TurnInput;
  /** How the account shows menus: bots may send buttons, users may not. */
  readonly style: "buttons" | "numbered";
  readonly steps: StepRunner;
  readonly media: MediaReader;
  /** Hears of each line that the bot logs, at once; never throws. */
  log(line: BotLogLine): void;
}

/** What a handler asked for in one turn. */
export interface TurnAnswer {
  /** undefined: as it was; so below. */
  readonly state: BotState | undefined;
  readonly context: UserContext | undefined;
  readonly progress: ProgressUpdate | "end" | undefined;
  /** The session's fate; the last word counts. null: nothing was said. */
  readonly asked: "escalate" | "end" | null;
  readonly toolOutputs: readonly Pick<StoredToolOutput, "name" | "output">[];
  readonly replies: readonly {
    readonly body: string;
    readonly menu: readonly MenuChoice[] | null;
  }[];
  /** The reply, from 1, whose menu numbers answer from now on. */
  readonly stickyReply: number | undefined;
}

/** One handler at work. */
export interface BotRun {
  /** Rejects with the handler's own error, or with `BotDied`. No promise: it has ended already. */
  readonly answer: TurnAnswer | Promise<TurnAnswer>;
  /** The turn is over: later calls of the handler are refused, and its signal aborts. */
  end(reason: unknown): void;
}

/** Where one turn of a bot can begin. */
export interface BotPlace {
  /** Throws the error of a handler that fails at once. `texts` gives the session's texts. */
  run(turn: TurnMaterial, texts: (session: LoadedSession) => SessionTexts): BotRun;
}

/** Runs the handlers of one bot: hides where, and what keeps them from harming anything else. */
export interface BotRunner extends Pick<Bot, "name" | "alsoAnswers" | "hearsUndeliverable"> {
  /**
   * A place for one turn. A promise where the bot cannot take a turn now; null once `signal` aborts. A place that was
   * promised must be used.
   */
  place(of: {
    readonly item: Pick<InboundItem, "channel" | "account" | "chatUser">;
    /** No other turn is to run beside it: it may end the process that it runs in. */
    readonly alone: boolean;
    readonly signal: AbortSignal;
  }): BotPlace | Promise<BotPlace | null>;
}

/** How a process of a bot ended; also the stable code of the reason. */
export type BotDeath = "BOT_CRASHED" | "BOT_EXITED" | "BOT_HUNG" | "BOT_OUT_OF_MEMORY";

/** The process that a handler ran in has ended with it. */
export class BotDied extends HoldfastError {
  /** This turn may have ended it; false: another is known to have. */
  readonly isSuspect: boolean;
  declare readonly code: BotDeath;

  constructor(of: { code: BotDeath; message: string; next: string; isSuspect: boolean }) {
    super(of);
    this.name = "BotDied";
    this.isSuspect = of.isSuspect;
  }
}
