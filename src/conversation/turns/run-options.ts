import type { ConversationRules, SessionDecision } from "../../../machines/conversation-rules.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type { ReplyDesk } from "../outbox/ticket.ts";
import { type UnansweredReason } from "../whom.ts";
import type { BotRunner } from "../../ports/conversation/bot-runner.ts";
import type { BotLogLine } from "../../ports/conversation/bot-log.ts";
import type { ReplySender } from "../../ports/conversation/conversation-store.ts";
import type {
  ConversationKey,
  ConversationStore,
  LoadedSession,
  PartitionClaim,
  TurnRecord,
} from "../../ports/conversation/conversation-store.ts";
import type { ParkedStore } from "../../ports/conversation/parked-store.ts";
import type { SuspectStore } from "../../ports/conversation/suspect-store.ts";
import type { StepStore } from "../../ports/conversation/step-store.ts";
import type { MediaReader } from "../../ports/telegram/media.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { OfferedChoices } from "../../ports/conversation/offered-choices.ts";
import { type MenuStyle } from "./menu.ts";
import { type HandlerLimits, type TurnSlot } from "./handler-run.ts";
import { type RestLimits } from "./handler-rests.ts";

/** Which bot answers for an account, how it shows its menus there, and who sends its replies. */
export interface BotSeat {
  /** null: none answers, and messages are kept. */
  readonly bot: BotRunner | null;
  readonly style: MenuStyle;
  readonly sentBy: ReplySender;
}

/** A committed turn: its session, the reason for that session, and the outcome. */
export interface TurnDecision {
  readonly turnId: string;
  readonly key: ConversationKey;
  readonly session: LoadedSession;
  readonly code: SessionDecision;
  readonly statusAfter: TurnRecord["status"];
  /** The outcome of a menu's choice; null for any other message. */
  readonly choice: "resolved" | "stale" | "empty" | null;
}

/** Where a line of a bot's log comes from. */
export interface BotLogSource {
  readonly bot: string;
  readonly account: string;
  readonly turnId: string;
}

export interface TurnRunOptions {
  readonly store: Pick<ConversationStore, "load" | "commit"> & {
    /** What is remembered of the conversation may lack something; absent: nothing is remembered. */
    doubt?(key: ConversationKey): void;
  };
  /** The next moves of a session. */
  readonly rules: ConversationRules;
  readonly steps: Pick<StepStore, "find" | "keep" | "mayRepeat">;
  /** The turns that a process of a bot has ended with. */
  readonly suspects: SuspectStore;
  /** Where a turn waits that cannot succeed. */
  readonly parked: Pick<ParkedStore, "park" | "newest">;
  /** Asked for a choice that lies beyond the loaded history. */
  readonly choices: OfferedChoices;
  readonly media: MediaReader;
  /** Where a local sender takes the replies of a turn; the commit of the turn then claims them. */
  readonly desk?: Pick<ReplyDesk, "ask">;
  /**
   * null: this host knows no such account. `elsewhere`: it does not have the channel, and another host may. A promise
   * while the account's bot is loaded, or the account is looked for.
   */
  findBot(
    of: Pick<InboundItem, "channel" | "account">,
  ): BotSeat | "elsewhere" | null | Promise<BotSeat | null>;
  /** The share of the chat users whose turns these are. */
  readonly claim: PartitionClaim;
  /** A session without a turn for this long has expired. */
  readonly inactiveAfterMs: number;
  readonly clock: Clock;
  readonly events: EventSink;
  onDecision(decision: TurnDecision): void;
  /** A bot wrote a line to its log. Never throws. */
  onBotLog?(of: BotLogSource, line: BotLogLine): void;
  /** A message was kept and no bot was asked, and why. */
  onUnanswered?(account: string, reason: UnansweredReason): void;
  /** A handler has failed, or its process. */
  onFault?(bot: string, error: unknown): void;
  /** The one look at the session took so long. */
  onLookup?(seconds: number): void;
  /** The partition waits for the database now, or does not any more. */
  onHold?(holds: boolean): void;
  readonly limits: TurnLimits;
}

export interface TurnLimits extends HandlerLimits, RestLimits {
  /** Before the second attempt at a statement or a commit; doubles up to `retryDelayMsMax`. */
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
}

export type TurnResult =
  | { readonly ending: "duplicate" | "stale-owner" | "parked" }
  /** `delayMs`: not before that. */
  | { readonly ending: "given-back"; readonly delayMs: number }
  /** `handed`: its replies are with their sender already. `answered`: there are replies. */
  | { readonly ending: "committed"; readonly handed: boolean; readonly answered: boolean };

/** Takes the turns of one partition. */
export interface TurnRun {
  /** Before the first turn. Resolves when earlier owners' suspects are known, or once `signal` aborts. */
  begin(signal: AbortSignal): Promise<void>;
  take(item: InboundItem, signal: AbortSignal, slot: TurnSlot): Promise<TurnResult>;
  /** The database refuses: no turn is to begin. */
  readonly holds: boolean;
}
