import { isChannelName } from "./channel.ts";
import type { InboundItem, ItemName } from "./inbound-stream.ts";
import { isWriter } from "../telegram/writer.ts";

/**
 * The form of an item's text. A version that writes a form which earlier ones would misread counts it up; an earlier
 * one then leaves the item to a newer host.
 */
const itemVersion = 1;

/** One item as its text was read. */
export type ReadItem =
  | { readonly kind: "item"; readonly item: InboundItem }
  /** A version, kind or channel that this host does not know; a newer host does. */
  | { readonly kind: "newer"; readonly of: ItemName; readonly text: string }
  | { readonly kind: "malformed"; readonly text: string };

/** An item as it stands in streams and in Postgres. */
export const itemText = (item: InboundItem): string =>
  `{"version":${itemVersion},${JSON.stringify(item).slice(1)}`;

/** Reads the items in a message of the stream, each by itself. Text that is no list is one malformed item. */
export function readItems(text: string): readonly ReadItem[] {
  try {
    const values: unknown = JSON.parse(text);
    if (Array.isArray(values) && values.length > 0) return values.map(read);
  } catch {
    // Malformed as a whole.
  }
  return [{ kind: "malformed", text }];
}

/** Reads one item's text. */
export const readItem = (text: string): ReadItem => {
  const [first] = readItems(`[${text}]`);
  return first === undefined || first.kind === "malformed" ? { kind: "malformed", text } : first;
};

function read(value: unknown): ReadItem {
  if (!isRecord(value) || !isNamed(value)) {
    return { kind: "malformed", text: JSON.stringify(value) };
  }
  const { version = itemVersion, ...rest } = value;
  const isKnown =
    version === itemVersion && isChannelName(rest.channel) && isKnownKind(rest["kind"]);
  if (!isKnown) return { kind: "newer", of: nameOf(value), text: JSON.stringify(value) };
  return isItem(rest)
    ? { kind: "item", item: rest }
    : { kind: "malformed", text: JSON.stringify(value) };
}

const isKnownKind = (kind: unknown): boolean =>
  kind === "text" || kind === "tap" || kind === "undeliverable";

const nameOf = ({ channel, account, chatUser, inboundId }: ItemName): ItemName => ({
  channel,
  account,
  chatUser,
  inboundId,
});

type Named = ItemName & Readonly<Record<string, unknown>>;

const isNamed = (value: Readonly<Record<string, unknown>>): value is Named =>
  ["channel", "account", "chatUser", "inboundId"].every((name) => typeof value[name] === "string");

/** @param value named, and of a known kind and channel */
function isItem(value: unknown): value is InboundItem {
  if (!isRecord(value) || !isRecord(value["peer"])) return false;
  const { peer } = value;
  return (
    (value["media"] === undefined || Array.isArray(value["media"])) &&
    (value["sender"] === undefined || value["sender"] === "bot" || value["sender"] === "fleet") &&
    (value["kind"] !== "undeliverable" || typeof value["code"] === "string") &&
    (value["from"] === undefined || isWriter(value["from"])) &&
    (value["writtenAtMs"] === undefined || typeof value["writtenAtMs"] === "number") &&
    (value["replay"] === undefined || typeof value["replay"] === "string") &&
    typeof value["receivedAtMs"] === "number" &&
    [value["text"], peer["userId"], peer["accessHash"]].every((text) => typeof text === "string")
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
