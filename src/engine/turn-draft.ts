import { HoldfastError } from "../errors.ts";
import type { BotState, Turn } from "../ports/bot.ts";
import type {
  LoadedSession,
  MenuChoice,
  ProgressUpdate,
  StoredToolOutput,
  TurnRecord,
  UserContext,
} from "../ports/conversation-store.ts";
import { mediaBytesMaxDefault, type MediaReader } from "../ports/media.ts";
import type { StepRunner } from "./turn-steps.ts";
import type { InboundItem } from "../ports/inbound-stream.ts";
import { type MenuStyle, type ResolvedInput, renderText } from "./menu.ts";
import { deriveRandomId } from "./turn-random-id.ts";

const replyUnitsMax = 4096;
const repliesMax = 20;
const choicesMax = 50;
/** Tool outputs of one turn; the numbers of two turns can never meet. */
const toolOutputsMax = 64;

/** A turn being worked out: what the bot sees of it, and the record of what the bot asked for. */
export interface TurnDraft {
  readonly turn: Turn;
  /** Closes the turn, later calls of the bot are refused, and answers what is to be committed. */
  seal(): TurnRecord;
}

interface Draft {
  state: BotState | null;
  context: UserContext | null;
  /** undefined: as it was. */
  progress: ProgressUpdate | "end" | undefined;
  status: TurnRecord["status"];
  readonly toolOutputs: StoredToolOutput[];
  readonly replies: TurnRecord["replies"][number][];
  sealed: boolean;
}

/** What the session adds by itself: the message alone, for sessions that a person has taken over. */
export function recordWithoutBot(item: InboundItem, session: LoadedSession): TurnRecord {
  return {
    ...recordBase(item, session, item.text),
    snapshot: session.snapshot,
    context: session.context,
    toolOutputs: [],
    replies: [],
    status: session.status,
  };
}

/** What a turn is made of. */
export interface TurnMaterial {
  readonly item: InboundItem;
  readonly session: LoadedSession;
  readonly resolved: ResolvedInput;
  readonly style: MenuStyle;
  readonly steps: StepRunner;
  readonly media: MediaReader;
}

export function createTurnDraft(material: TurnMaterial): TurnDraft {
  const { item, session, resolved } = material;
  const draft: Draft = {
    state: readState(session.snapshot),
    context: session.context,
    progress: undefined,
    status: "active",
    toolOutputs: [],
    replies: [],
    sealed: false,
  };
  const turn = offerTurn(material, draft);
  return {
    turn,
    seal() {
      draft.sealed = true;
      return {
        ...recordBase(item, session, resolved.text),
        snapshot: draft.state ?? session.snapshot,
        context: draft.context,
        ...(draft.progress !== undefined && { progress: draft.progress }),
        toolOutputs: draft.toolOutputs,
        replies: draft.replies,
        status: draft.status,
      };
    },
  };
}

function offerTurn(material: TurnMaterial, draft: Draft): Turn {
  const { item, session, resolved, style, steps } = material;
  let stepNames: Set<string> | null = null;
  const { channel, account, chatUser, inboundId } = item;
  const id = `${channel}:${account}:${inboundId}`;
  const userSeq = session.lastSeq + 1;
  return {
    id,
    account,
    session: { id: session.id, decision: session.decision, turns: session.turns },
    // Read when the bot asks for it.
    get history() {
      return session.messages;
    },
    get toolOutputs() {
      return session.toolOutputs;
    },
    input: resolved.input,
    get state() {
      return draft.state;
    },
    setState(state) {
      refuseSealed(draft, id);
      draft.state = state;
    },
    get context() {
      return draft.context ?? {};
    },
    remember(facts) {
      refuseSealed(draft, id);
      draft.context = { ...draft.context, ...facts };
    },
    get progress() {
      if (draft.progress === undefined) return session.progress;
      return draft.progress === "end" ? null : draft.progress;
    },
    beginProgress(subject) {
      refuseSealed(draft, id);
      draft.progress = { subject, images: 0, comments: 0, status: null };
    },
    addProgress({ images = 0, comments = 0, status }) {
      refuseSealed(draft, id);
      const now = this.progress;
      if (now === null) throw noProgress(id);
      draft.progress = {
        subject: now.subject,
        images: now.images + images,
        comments: now.comments + comments,
        status: status ?? now.status,
      };
    },
    endProgress() {
      refuseSealed(draft, id);
      draft.progress = "end";
    },
    async step(name, call) {
      refuseSealed(draft, id);
      stepNames ??= new Set();
      if (stepNames.has(name)) throw stepTwice(id, name);
      stepNames.add(name);
      return steps(name, call);
    },
    async download(media, { bytesMax = mediaBytesMaxDefault } = {}) {
      refuseSealed(draft, id);
      return material.media.read(account, media, bytesMax);
    },
    record(name, output) {
      refuseSealed(draft, id);
      if (draft.toolOutputs.length >= toolOutputsMax) throw tooManyOutputs(id);
      const seq = userSeq * toolOutputsMax + draft.toolOutputs.length;
      draft.toolOutputs.push({ seq, name, output });
      return seq;
    },
    reply(body, menu) {
      refuseSealed(draft, id);
      const choices = menu === undefined || menu.length === 0 ? null : menu;
      refuseUnsendable(body, choices, style, draft.replies.length);
      const randomId = deriveRandomId(account, chatUser, inboundId, draft.replies.length);
      const seq = userSeq + 1 + draft.replies.length;
      draft.replies.push({ seq, body, menu: choices, randomId });
    },
    escalate() {
      refuseSealed(draft, id);
      draft.status = "escalated";
    },
    end() {
      refuseSealed(draft, id);
      draft.status = "ended";
    },
  };
}

function refuseSealed({ sealed }: Draft, id: string): void {
  if (sealed) throw sealedError(id);
}

function recordBase(item: InboundItem, session: LoadedSession, text: string) {
  const { channel, account, chatUser, inboundId, peer, media } = item;
  const base = { channel, account, chatUser, session, inboundId, peer, text };
  return media === undefined ? base : { ...base, media };
}

/** null for a session without a state, and for one that no bot of this program has written. */
function readState(snapshot: unknown): BotState | null {
  if (typeof snapshot !== "object" || snapshot === null) return null;
  if (!("machineId" in snapshot) || typeof snapshot.machineId !== "string") return null;
  if (!("schemaVersion" in snapshot) || typeof snapshot.schemaVersion !== "number") return null;
  const { machineId, schemaVersion } = snapshot;
  return { machineId, schemaVersion, state: "state" in snapshot ? snapshot.state : null };
}

/** What Telegram would refuse is refused here, where the bot's author sees it, before it is committed. */
function refuseUnsendable(
  body: string,
  menu: readonly MenuChoice[] | null,
  style: MenuStyle,
  repliesBefore: number,
): void {
  const units = renderText(body, menu, style).length;
  const faults = [
    body.trim() === "" && "its text is empty",
    units > replyUnitsMax && `it has ${units} UTF-16 units and Telegram takes ${replyUnitsMax}`,
    repliesBefore >= repliesMax && `a turn may send at most ${repliesMax}`,
    menu !== null &&
      menu.length > choicesMax &&
      `it offers ${menu.length} choices and may offer ${choicesMax}`,
    menu?.some(({ label }) => label.trim() === "") === true && "a choice has no label",
  ].filter((fault) => fault !== false);
  if (faults.length === 0) return;
  throw new HoldfastError({
    code: "REPLY_UNSENDABLE",
    message: `The bot's reply cannot be sent: ${faults.join(", ")}.`,
    next: "Correct what the bot passes to reply(); nothing of this turn was committed.",
  });
}

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
