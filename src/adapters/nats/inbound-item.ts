import { hash } from "node:crypto";
import { isChannelName } from "../../ports/conversation/channel.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";

const digest = (value: string): string => hash("sha256", value, "base64url");

export const partitionSubject = (prefix: string, partition: number): string =>
  `${prefix}.${partition}`;

/**
 * For `Nats-Msg-Id`: the same for the same items; a digest, because inbound ids carry text from
 * outside. After a restore of Postgres, forgotten items are taken in again in the next era. They
 * are no duplicates of the earlier ones.
 */
export const messageIdOf = (items: readonly InboundItem[], era: number): string =>
  digest(
    JSON.stringify([
      era,
      ...items.map(({ channel, account, inboundId }) => [channel, account, inboundId]),
    ]),
  );

/** The items in a message of the stream, in order; null in place of a malformed item. */
export function parseItems(data: string): readonly (InboundItem | null)[] {
  try {
    const values: unknown = JSON.parse(data);
    if (!Array.isArray(values) || values.length === 0) return [null];
    return values.map((value: unknown) => (isItem(value) ? value : null));
  } catch {
    return [null];
  }
}

/** null for anything that is not an inbound item. */
export const parseItem = (data: string): InboundItem | null => parseItems(`[${data}]`)[0] ?? null;

function isItem(value: unknown): value is InboundItem {
  if (!isRecord(value) || !isRecord(value["peer"])) return false;
  const texts = ["account", "chatUser", "inboundId", "text"].map((name) => value[name]);
  const { peer } = value;
  return (
    isChannelName(value["channel"]) &&
    (value["media"] === undefined || Array.isArray(value["media"])) &&
    (value["kind"] === "text" ||
      value["kind"] === "tap" ||
      (value["kind"] === "undeliverable" && typeof value["code"] === "string")) &&
    typeof value["receivedAtMs"] === "number" &&
    [...texts, peer["userId"], peer["accessHash"]].every((text) => typeof text === "string")
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
