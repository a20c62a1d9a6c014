import { HoldfastError } from "../../errors.ts";
import type { BotState, Turn, TurnFrom, TurnInput } from "../../ports/conversation/bot.ts";
import type { TurnAnswer, TurnMaterial } from "../../ports/conversation/bot-runner.ts";
import {
  type MenuChoice,
  type ProgressUpdate,
  type StoredMessage,
  type StoredToolOutput,
  toolOutputsMax,
  type UserContext,
} from "../../ports/conversation/conversation-store.ts";
import type { BotLog } from "../../ports/conversation/bot-log.ts";
import { type Media, mediaBytesMaxDefault } from "../../ports/telegram/media.ts";
import { createBotLog } from "../../ports/conversation/bounded-log.ts";
import { readState } from "./kept-state.ts";
import { type MenuStyle, renderText } from "./menu.ts";
import { partsOf, replyUnitsMax } from "./reply-parts.ts";

const repliesMax = 20;
const choicesMax = 50;

/** The bot's requests so far: a `TurnAnswer` in the making. */
export interface Draft {
  /** undefined: as it was; so below. */
  state: BotState | undefined;
  context: UserContext | undefined;
  progress: ProgressUpdate | "end" | undefined;
  asked: "escalate" | "end" | null;
  readonly toolOutputs: { readonly name: string; readonly output: unknown }[];
  readonly replies: { readonly body: string; readonly menu: readonly MenuChoice[] | null }[];
  stickyReply: number | undefined;
  sealed: boolean;
  /** null: the bot has not asked for the signal. */
  ending: AbortController | null;
  /** Why the turn is over without a record; null: it is not. */
  ended: { readonly reason: unknown } | null;
}

/** The bot's view of a turn. A class: there is one for every message. */
export class OfferedTurn implements Turn {
  readonly id: string;
  readonly account: string;
  readonly session: Turn["session"];
  readonly input: TurnInput;
  private readonly material: TurnMaterial;
  private readonly draft: Draft;
  private readonly userSeq: number;
  /** Read when the bot asks for it, and forgotten with the turn. */
  private historyRead: readonly StoredMessage[] | null = null;
  private stepNames: Set<string> | null = null;
  private stateBefore: BotState | null | undefined;
  private contextBefore: UserContext | undefined;
  private ownLog: BotLog | null = null;

  constructor(material: TurnMaterial, draft: Draft) {
    const { item, session } = material;
    this.id = `${item.channel}:${item.account}:${item.inboundId}`;
    this.account = item.account;
    this.session = { id: session.id, decision: session.decision, turns: session.turns };
    this.input = material.input;
    this.material = material;
    this.draft = draft;
    this.userSeq = session.lastSeq + 1;
  }

  get signal(): AbortSignal {
    const { draft } = this;
    if (draft.ending === null) {
      draft.ending = new AbortController();
      if (draft.ended !== null) draft.ending.abort(draft.ended.reason);
    }
    return draft.ending.signal;
  }

  get from(): TurnFrom {
    const { chatUser, from: { name = null, username = null, language = null } = {} } =
      this.material.item;
    return { id: chatUser, name, username, language };
  }

  get date(): Date | null {
    const { writtenAtMs } = this.material.item;
    return writtenAtMs === undefined ? null : new Date(writtenAtMs);
  }

  get history(): readonly StoredMessage[] {
    this.historyRead ??= this.material.session.messages;
    return this.historyRead;
  }

  get toolOutputs(): readonly StoredToolOutput[] {
    return this.material.session.toolOutputs;
  }

  get state(): BotState | null {
    const { state } = this.draft;
    if (state !== undefined) return state;
    if (this.stateBefore === undefined)
      this.stateBefore = readState(this.material.session.snapshot);
    return this.stateBefore;
  }

  setState(state: BotState): void {
    this.open().state = state;
  }

  get context(): UserContext {
    this.contextBefore ??= this.material.session.context ?? {};
    return this.draft.context ?? this.contextBefore;
  }

  remember(facts: UserContext): void {
    const draft = this.open();
    draft.context = { ...this.context, ...facts };
  }

  get progress(): ProgressUpdate | null {
    const { progress } = this.draft;
    if (progress === undefined) return this.material.session.progress;
    return progress === "end" ? null : progress;
  }

  beginProgress(subject: unknown): void {
    this.open().progress = { subject, images: 0, comments: 0, status: null };
  }

  addProgress({
    images = 0,
    comments = 0,
    status,
  }: {
    images?: number;
    comments?: number;
    status?: string;
  }): void {
    const draft = this.open();
    const now = this.progress;
    if (now === null) throw noProgress(this.id);
    draft.progress = {
      subject: now.subject,
      images: now.images + images,
      comments: now.comments + comments,
      status: status ?? now.status,
    };
  }

  endProgress(): void {
    this.open().progress = "end";
  }

  async step<T>(name: string, call: () => Promise<T> | T): Promise<T> {
    this.open();
    this.stepNames ??= new Set();
    if (this.stepNames.has(name)) throw stepTwice(this.id, name);
    this.stepNames.add(name);
    return this.material.steps(name, call);
  }

  async download(
    media: Media,
    { bytesMax = mediaBytesMaxDefault }: { readonly bytesMax?: number } = {},
  ): Promise<Uint8Array> {
    this.open();
    return this.material.media.read(this.account, media, bytesMax);
  }

  record(name: string, output: unknown): number {
    const { toolOutputs } = this.open();
    if (toolOutputs.length >= toolOutputsMax) throw tooManyOutputs(this.id);
    const seq = this.userSeq * toolOutputsMax + toolOutputs.length;
    toolOutputs.push({ name, output });
    return seq;
  }

  reply(
    body: string,
    menu?: readonly MenuChoice[],
    { sticky = false }: { readonly sticky?: boolean } = {},
  ): void {
    const draft = this.open();
    const { replies } = draft;
    const { style } = this.material;
    const choices = menu === undefined || menu.length === 0 ? null : menu;
    const parts = refuseUnsendable(body, choices, style, replies.length);
    for (const [index, part] of parts.entries()) {
      replies.push({ body: part, menu: index === parts.length - 1 ? choices : null });
    }
    if (sticky && choices !== null) draft.stickyReply = replies.length;
  }

  get log(): BotLog {
    this.ownLog ??= createBotLog((line) => this.material.log(line));
    return this.ownLog;
  }

  escalate(): void {
    this.open().asked = "escalate";
  }

  end(): void {
    this.open().asked = "end";
  }

  private open(): Draft {
    if (this.draft.sealed) throw sealedError(this.id);
    return this.draft;
  }
}

/** Refuses replies that Telegram would refuse: a bot's own process may answer anything. */
export function refuseForeign(replies: TurnAnswer["replies"], style: MenuStyle): void {
  for (const [index, { body, menu }] of replies.entries()) {
    if (refuseUnsendable(body, menu, style, index).length > 1) throw tooLong();
  }
}

/**
 * The messages that a reply becomes. Refuses here, before the commit and where the bot's author sees it, a reply that
 * Telegram would refuse.
 */
function refuseUnsendable(
  body: string,
  menu: readonly MenuChoice[] | null,
  style: MenuStyle,
  repliesBefore: number,
): readonly string[] {
  const parts = partsOf(body, menu, style);
  const isSendable =
    body.trim() !== "" &&
    parts !== null &&
    repliesBefore + parts.length <= repliesMax &&
    (menu === null ||
      (menu.length <= choicesMax && menu.every(({ label }) => label.trim() !== "")));
  if (isSendable) return parts;
  const units = renderText("", menu, style).length;
  const faults = [
    body.trim() === "" && "its text is empty",
    parts === null &&
      `the lines of its menu have ${units} UTF-16 units and Telegram takes ${replyUnitsMax}`,
    parts !== null &&
      repliesBefore + parts.length > repliesMax &&
      `a turn may send at most ${repliesMax} messages, and with its ${parts.length} there would be ${repliesBefore + parts.length}`,
    menu !== null &&
      menu.length > choicesMax &&
      `it offers ${menu.length} choices and may offer ${choicesMax}`,
    menu?.some(({ label }) => label.trim() === "") === true && "a choice has no label",
  ].filter((fault) => fault !== false);
  throw new HoldfastError({
    code: "REPLY_UNSENDABLE",
    message: `The bot's reply cannot be sent: ${faults.join(", ")}.`,
    next: "Correct what the bot passes to reply(); nothing of this turn was committed.",
  });
}

const tooLong = (): HoldfastError =>
  new HoldfastError({
    code: "REPLY_UNSENDABLE",
    message: `A reply of the bot's process has more than ${replyUnitsMax} UTF-16 units.`,
    next: "Send replies by turn.reply() alone: it parts them.",
  });

function sealedError(id: string): HoldfastError {
  return new HoldfastError({
    code: "TURN_SEALED",
    message: `The bot used turn ${id} after its handler had returned, thrown or run out of time.`,
    next: "Await everything that the handler starts before it returns.",
  });
}

function stepTwice(id: string, name: string): HoldfastError {
  return new HoldfastError({
    code: "STEP_TWICE",
    message: `The bot used the step "${name}" twice in turn ${id}.`,
    next: "Give each call to the outside a name of its own; in a loop, add what differs.",
  });
}

function noProgress(id: string): HoldfastError {
  return new HoldfastError({
    code: "NO_PROGRESS_UPDATE",
    message: `The bot added to a progress update in turn ${id}, and the user has begun none.`,
    next: "Call beginProgress first; see whether there is one with turn.progress.",
  });
}

function tooManyOutputs(id: string): HoldfastError {
  return new HoldfastError({
    code: "TOOL_OUTPUTS_TOO_MANY",
    message: `The bot recorded more than ${toolOutputsMax} tool outputs in turn ${id}.`,
    next: "Record one output that holds a list instead of many that hold an item.",
  });
}
