import { createHash } from "node:crypto";
import type { InboundItem } from "../../ports/inbound-stream.ts";
import { partitionOf } from "../../ports/partitions.ts";

const plainToken = /^[A-Za-z0-9_-]{1,64}$/;

const digest = (value: string): string => createHash("sha256").update(value).digest("base64url");

/** A part of a subject: names that NATS would read as something else are replaced by their digest. */
const subjectToken = (name: string): string =>
  plainToken.test(name) ? name : `~${digest(name).slice(0, 22)}`;

/** `<prefix>.<partition>.<account>.<chat user>` */
export const itemSubject = (prefix: string, item: InboundItem): string =>
  `${partitionSubject(prefix, partitionOf(item))}.${subjectToken(item.account)}.${subjectToken(item.chatUser)}`;

export const partitionSubject = (prefix: string, partition: number): string =>
  `${prefix}.${partition}`;

/**
 * For `Nats-Msg-Id`: the same for the same item; a digest, because inbound ids carry text from outside. After Postgres
 * was restored, what it forgot is taken in again in the next era, and is no duplicate of what it had known.
 */
export const itemMessageId = ({ channel, account, inboundId }: InboundItem, era: number): string =>
  digest(JSON.stringify([channel, account, inboundId, ...(era === 0 ? [] : [era])]));

/** What goes together in order: one chat user of one account. */
export const itemUser = ({ channel, account, chatUser }: InboundItem): string =>
  JSON.stringify([channel, account, chatUser]);

/** null for anything that is not an inbound item. */
export function parseItem(data: string): InboundItem | null {
  try {
    const value: unknown = JSON.parse(data);
    return isItem(value) ? value : null;
  } catch {
    return null;
  }
}

function isItem(value: unknown): value is InboundItem {
  if (!isRecord(value) || !isRecord(value["peer"])) return false;
  const texts = ["account", "chatUser", "inboundId", "text"].map((name) => value[name]);
  const { peer } = value;
  return (
    value["channel"] === "telegram" &&
    (value["kind"] === "text" || value["kind"] === "tap") &&
    typeof value["receivedAtMs"] === "number" &&
    [...texts, peer["userId"], peer["accessHash"]].every((text) => typeof text === "string")
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
