import type { AccountKind } from "../../../machines/lifecycle.ts";
import { readMenuNumber } from "../../inputs/menu-number.ts";
import type { TurnInput } from "../../ports/conversation/bot.ts";
import type {
  LoadedSession,
  MenuChoice,
  StoredMessage,
  StoredToolOutput,
} from "../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { ChoiceReference, OfferedChoice } from "../../ports/conversation/offered-choices.ts";
import { stickyMenuOf } from "./kept-state.ts";

/** How an account shows menus: bots may send buttons, users may not. */
export type MenuStyle = "buttons" | "numbered";

export const menuStyleOf = (kind: AccountKind): MenuStyle =>
  kind === "bot" ? "buttons" : "numbered";

/** The input of a turn, and its text in the history. */
export interface ResolvedInput {
  readonly input: TurnInput;
  readonly text: string;
  /** A choice that is older than the loaded history: the meaning once the session is asked for it. */
  readonly beyond?: ChoiceReference;
}

/** A loaded session, as far as a choice is looked for in it. */
export type SessionOfMenus = Pick<
  LoadedSession,
  "id" | "lastSeq" | "messages" | "toolOutputs" | "snapshot"
>;

const version = "h1";
const form = /^h1:(-?\d{1,19}):(\d{1,9}):(\d{1,3})$/;

/** The callback data of a button: at most 38 of the 64 bytes that Telegram allows. */
export const formatReference = ({ sessionId, seq, index }: ChoiceReference): string =>
  `${version}:${sessionId}:${seq}:${index}`;

/** null for anything that `formatReference` does not make; callback data comes from outside. */
export function parseReference(data: string): ChoiceReference | null {
  const [, sessionId, seq, index] = form.exec(data) ?? [];
  if (sessionId === undefined) return null;
  return { sessionId, seq: Number(seq), index: Number(index) };
}

/** The text of a message as the chat shows it: with its choices as numbered lines where buttons are not allowed. */
export function renderText(
  body: string,
  menu: readonly MenuChoice[] | null,
  style: MenuStyle,
): string {
  if (style === "buttons" || menu === null || menu.length === 0) return body;
  return `${body}\n\n${menu.map(({ label }, index) => `${index + 1}. ${label}`).join("\n")}`;
}

/** The buttons of a message, one per row; undefined where there are none to send. */
export function renderButtons(
  message: {
    readonly sessionId: string;
    readonly seq: number;
    readonly menu: readonly MenuChoice[] | null;
  },
  style: MenuStyle,
): readonly { readonly label: string; readonly data: string }[] | undefined {
  const { sessionId, seq, menu } = message;
  if (style === "numbered" || menu === null || menu.length === 0) return undefined;
  return menu.map(({ label }, index) => ({
    label,
    data: formatReference({ sessionId, seq, index }),
  }));
}

/**
 * The meaning of an inbound item in its session. A tap is resolved against the message that offered
 * it. Where menus are numbered, a text such as `2` is resolved against the menu of the bot's last
 * turn, or else against the sticky one. Reads only the loaded session, and says where that is not
 * enough.
 */
export function resolveInput(
  item: Pick<InboundItem, "kind" | "text" | "code" | "media">,
  session: SessionOfMenus,
  style: MenuStyle,
): ResolvedInput {
  if (item.kind === "tap") return resolveTap(item.text, session);
  if (item.kind === "undeliverable") {
    // The user has said nothing.
    const { text, code = "UNKNOWN" } = item;
    return { input: { kind: "undeliverable", text, code }, text: "" };
  }
  if (item.media !== undefined) {
    return { input: { kind: "media", media: item.media, caption: item.text }, text: item.text };
  }
  const plain: ResolvedInput = { input: { kind: "text", text: item.text }, text: item.text };
  if (style === "buttons") return plain;
  const number = readMenuNumber(item.text);
  if (number === null) return plain;
  const seq = lastMenu(session.messages) ?? stickyMenuOf(session.snapshot);
  if (seq === null) return plain;
  const reference = { sessionId: session.id, seq, index: number - 1 };
  return resolveChoice(reference, session, plain, item.text);
}

/** The choice that the session was asked for, as the turn's input; null: it offered no such choice. */
export function resolveBeyond(
  item: Pick<InboundItem, "kind" | "text">,
  { input, text }: ResolvedInput,
  found: OfferedChoice | null,
): ResolvedInput {
  if (found === null) return { input, text };
  const { choice, source } = found;
  const label = item.kind === "tap" ? choice.label : item.text;
  return { input: chosen(choice, source === null ? [] : [source]), text: label };
}

/** The message of the bot's last turn that offered a menu, its last one; null: that turn offered none. */
function lastMenu(messages: readonly StoredMessage[]): number | null {
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const { role, menu, seq } = messages[at]!;
    if (role === "user") return null;
    if (menu !== null && menu.length > 0) return seq;
  }
  return null;
}

function resolveTap(data: string, session: SessionOfMenus): ResolvedInput {
  const reference = parseReference(data);
  if (reference === null) {
    return { input: { kind: "stale-action", reason: "CHOICE_MALFORMED" }, text: data };
  }
  if (reference.sessionId !== session.id) {
    return { input: { kind: "stale-action", reason: "CHOICE_OF_OTHER_SESSION" }, text: data };
  }
  const unknown: ResolvedInput = {
    input: { kind: "stale-action", reason: "CHOICE_UNKNOWN" },
    text: data,
  };
  return resolveChoice(reference, session, unknown, null);
}

/**
 * @param otherwise where the session has offered no such choice
 * @param said the text of the turn; null: the label of the choice
 */
function resolveChoice(
  reference: ChoiceReference,
  { messages, toolOutputs, lastSeq }: SessionOfMenus,
  otherwise: ResolvedInput,
  said: string | null,
): ResolvedInput {
  const { seq, index } = reference;
  const oldest = messages[0]?.seq ?? lastSeq + 1;
  if (seq < oldest) return seq < 1 ? otherwise : { ...otherwise, beyond: reference };
  const choice = messages.find((message) => message.seq === seq)?.menu?.[index];
  if (choice === undefined) return otherwise;
  const input = chosen(choice, toolOutputs);
  const text = said ?? choice.label;
  const isOlder = choice.item !== undefined && !isLoaded(choice.item.toolOutputSeq, toolOutputs);
  return { input, text, ...(isOlder && { beyond: reference }) };
}

const isLoaded = (wanted: number, toolOutputs: readonly StoredToolOutput[]): boolean =>
  toolOutputs.some(({ seq }) => seq === wanted);

function chosen(choice: MenuChoice, toolOutputs: readonly StoredToolOutput[]): TurnInput {
  const { action, item } = choice;
  if (item === undefined) return { kind: "action", action };
  const source = toolOutputs.find(({ seq }) => seq === item.toolOutputSeq);
  const values: readonly unknown[] = Array.isArray(source?.output) ? source.output : [];
  if (source === undefined || item.index >= values.length) {
    return { kind: "stale-action", reason: "CHOICE_UNKNOWN" };
  }
  const value = values[item.index];
  return { kind: "action", action, item: { toolOutput: source.name, index: item.index, value } };
}
