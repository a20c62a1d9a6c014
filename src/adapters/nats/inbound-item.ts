import { hash } from "node:crypto";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import { readItem } from "../../ports/conversation/item-text.ts";

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

/** null for anything that is not an inbound item of a version that this host knows. */
export function parseItem(data: string): InboundItem | null {
  const read = readItem(data);
  return read.kind === "item" ? read.item : null;
}
