import type { AccountKind } from "../../../machines/lifecycle.ts";
import type { TurnInput } from "../../ports/conversation/bot.ts";
import type {
  LoadedSession,
  MenuChoice,
  StoredMessage,
  StoredToolOutput,
} from "../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";

/** Names one choice: the session, the message that offered it, its place in that message's menu. */
export interface ChoiceReference {
  readonly sessionId: string;
  readonly seq: number;
  readonly index: number;
}

/** How an account shows menus: bots may send buttons, users may not. */
export type MenuStyle = "buttons" | "numbered";

export const menuStyleOf = (kind: AccountKind): MenuStyle =>
  kind === "bot" ? "buttons" : "numbered";

/** The input of a turn, and its text in the history. */
export interface ResolvedInput {
  readonly input: TurnInput;
  readonly text: string;
}

const version = "h1";
const form = /^h1:(\d{1,19}):(\d{1,9}):(\d{1,3})$/;
const numberAnswer = /^(\d{1,3})[.)]?$/;

/** The callback data of a button: at most 37 of the 64 bytes that Telegram allows. */
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
 * it. Where menus are numbered, a text such as `2` is resolved against the newest menu. Reads only
 * the loaded session.
 */
export function resolveInput(
  item: Pick<InboundItem, "kind" | "text" | "code" | "media">,
  session: Pick<LoadedSession, "id" | "messages" | "toolOutputs">,
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
  const [, number] = numberAnswer.exec(item.text.trim()) ?? [];
  if (number === undefined) return plain;
  const newest = session.messages.findLast(({ menu }) => menu !== null && menu.length > 0);
  const choice = newest?.menu?.[Number(number) - 1];
  return choice === undefined
    ? plain
    : { input: chosen(choice, session.toolOutputs), text: item.text };
}

function resolveTap(
  data: string,
  session: Pick<LoadedSession, "id" | "messages" | "toolOutputs">,
): ResolvedInput {
  const reference = parseReference(data);
  if (reference === null) {
    return { input: { kind: "stale-action", reason: "CHOICE_MALFORMED" }, text: data };
  }
  if (reference.sessionId !== session.id) {
    return { input: { kind: "stale-action", reason: "CHOICE_OF_OTHER_SESSION" }, text: data };
  }
  const message: StoredMessage | undefined = session.messages.find(
    ({ seq }) => seq === reference.seq,
  );
  const choice = message?.menu?.[reference.index];
  return choice === undefined
    ? { input: { kind: "stale-action", reason: "CHOICE_UNKNOWN" }, text: data }
    : { input: chosen(choice, session.toolOutputs), text: choice.label };
}

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
