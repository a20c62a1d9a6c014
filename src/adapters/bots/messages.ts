import type { SessionDecision, SessionStatus } from "../../../machines/conversation-rules.ts";
import type { BotLogLine } from "../../ports/conversation/bot-log.ts";
import type { TurnInput } from "../../ports/conversation/bot.ts";
import type { TurnMaterial } from "../../ports/conversation/bot-runner.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { Media } from "../../ports/telegram/media.ts";

/*
 * What a node and a process of a bot say to each other: lines of JSON, many in a frame. Each begins with its kind and,
 * where it is about a turn, with the turn's number. Numbers are given by the node, and rise.
 */

/** The node's lines. `turn` has five more behind it: the texts of the session. */
export const nodeSays = {
  turn: 0,
  end: 1,
  makeCall: 2,
  outcome: 3,
  refusal: 4,
} as const;

/** A turn's first line. `input` null: the item's text. */
export type TurnLine = readonly [
  kind: typeof nodeSays.turn,
  turn: number,
  item: InboundItem,
  input: TurnInput | null,
  style: TurnMaterial["style"],
  session: readonly [
    id: string,
    decision: SessionDecision,
    status: SessionStatus,
    turns: number,
    lastSeq: number,
  ],
];

export type NodeLine =
  | TurnLine
  | readonly [kind: typeof nodeSays.end, turn: number, reason: ErrorFacts]
  /** No outcome of that step is known: its call is to be made. */
  | readonly [kind: typeof nodeSays.makeCall, turn: number, ask: number]
  | readonly [kind: typeof nodeSays.outcome, turn: number, ask: number, outcome: unknown]
  | readonly [kind: typeof nodeSays.refusal, turn: number, ask: number, error: ErrorFacts];

/** The lines of a bot's process. What comes is checked: the process is the bot author's. */
export const botSays = {
  ready: 0,
  unusable: 1,
  answer: 2,
  failure: 3,
  step: 4,
  called: 5,
  callFailed: 6,
  download: 7,
  beat: 8,
  floating: 9,
  lastWords: 10,
  log: 11,
} as const;

/** What a bot says of itself once it is loaded. */
export interface BotFacts {
  readonly name: string;
  readonly alsoAnswers: readonly ("bot" | "fleet")[];
  readonly hearsUndeliverable: boolean;
}

/** An error as it crosses. */
export interface ErrorFacts {
  readonly code: string;
  readonly message: string;
  readonly next?: string | undefined;
  readonly policy: "terminal" | "retryable";
  readonly waitSeconds?: number | undefined;
  /** Of the bot's own sources: file, line and column. */
  readonly where?: string | undefined;
}

export type BotLine =
  | readonly [kind: typeof botSays.ready, facts: BotFacts]
  | readonly [kind: typeof botSays.unusable, error: ErrorFacts]
  /** `isClean`: the process has no turn any more, and nothing that an earlier one has left under way. */
  | readonly [kind: typeof botSays.answer, turn: number, isClean: boolean, answer: unknown]
  | readonly [kind: typeof botSays.failure, turn: number, isClean: boolean, error: ErrorFacts]
  | readonly [kind: typeof botSays.step, turn: number, ask: number, name: string]
  | readonly [kind: typeof botSays.called, turn: number, ask: number, result: unknown]
  | readonly [kind: typeof botSays.callFailed, turn: number, ask: number, error: ErrorFacts]
  | readonly [
      kind: typeof botSays.download,
      turn: number,
      ask: number,
      media: Media,
      bytesMax: number,
    ]
  | readonly [kind: typeof botSays.beat, residentBytes: number]
  /** A rejection that nothing handles, of a turn that is over or of none. */
  | readonly [kind: typeof botSays.floating, error: ErrorFacts]
  /** `turn` 0: of none that is known. */
  | readonly [
      kind: typeof botSays.lastWords,
      turn: number,
      how: "crash" | "exit",
      error: ErrorFacts,
    ]
  | readonly [
      kind: typeof botSays.log,
      turn: number,
      level: BotLogLine["level"],
      message: string,
      fields: BotLogLine["fields"],
    ];

/** Characters of one line of a bot's process: of all that a turn asks for. */
export const lineCharactersMax = 1024 * 1024;
/** Of one frame of a bot's process; it holds many lines. */
export const frameBytesMax = 8 * 1024 * 1024;
/** The descriptor of the pipe in a bot's process. */
export const pipeDescriptor = 3;

/** A process with turns under way gives a sign of life this often, in milliseconds. */
export const beatMs = 50;
