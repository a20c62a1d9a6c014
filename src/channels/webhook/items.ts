import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { Media } from "../../ports/telegram/media.ts";
import { storableText } from "../../ports/conversation/storable-text.ts";
import { writerOf } from "../../ports/telegram/writer.ts";
import { inboundIdOf, inboundIdOfChoice, isMessageId, messageIdTold } from "./message-id.ts";
import { placeIn } from "./place.ts";

/** The fault of a request, in one line. */
export interface WebhookFault {
  readonly fault: string;
}

const nameLengthMax = 256;
const mediaMax = 10;

/**
 * A message as a provider posts it (https://www.twilio.com/docs/messaging/guides/webhook-request).
 * Its fields: From, ProfileName, Body, MessageSid, NumMedia with MediaUrl0 and MediaContentType0 and so on. A
 * choice has ButtonPayload or ListId, and OriginalRepliedMessageSid for the message that offered
 * it. A place has Latitude and Longitude, and may have Label and Address. Other fields are ignored.
 * @param receivedAtMs wall clock
 */
export function webhookItem(
  fields: { get(name: string): string | null },
  account: string,
  receivedAtMs: number,
): InboundItem | WebhookFault {
  const text = (name: string) => storableText(fields.get(name) ?? "");
  const [from, messageId] = [text("From"), text("MessageSid") || text("SmsMessageSid")];
  for (const [name, value] of [
    ["From", from],
    ["MessageSid", messageId],
  ] as const) {
    if (value.trim() === "") return { fault: `${name} is missing` };
    if (value.length > nameLengthMax) return { fault: `${name} is too long` };
  }
  if (!isMessageId(messageId)) return { fault: `MessageSid is not ${messageIdTold}` };
  const repliedTo = text("OriginalRepliedMessageSid");
  if (repliedTo !== "" && !isMessageId(repliedTo)) {
    return { fault: `OriginalRepliedMessageSid is not ${messageIdTold}` };
  }
  const writer = writerOf({ name: text("ProfileName") });
  const common = {
    channel: "webhook",
    account,
    chatUser: from,
    peer: { userId: from, accessHash: "" },
    receivedAtMs,
    ...(writer !== undefined && { from: writer }),
  } as const;
  const choice = text("ButtonPayload") || text("ListId");
  if (choice !== "") {
    // Each press is a message of the provider's, and is chosen once under its id.
    return {
      ...common,
      inboundId: inboundIdOfChoice(repliedTo || messageId, choice, messageId),
      kind: "tap",
      text: choice,
    };
  }
  const files = filesIn(text);
  if (typeof files === "string") return { fault: files };
  const place = placeIn(text);
  if (typeof place === "string") return { fault: place };
  const media = place === null ? files : [...files, place];
  return {
    ...common,
    inboundId: inboundIdOf(messageId),
    kind: "text",
    text: text("Body"),
    ...(media.length > 0 && { media }),
  };
}

function filesIn(text: (name: string) => string): readonly Media[] | string {
  const count = Number(text("NumMedia") || "0");
  if (!Number.isInteger(count) || count < 0 || count > mediaMax) {
    return `NumMedia must be 0 to ${mediaMax}`;
  }
  const media: Media[] = [];
  for (let index = 0; index < count; index += 1) {
    const url = text(`MediaUrl${index}`);
    if (!/^https?:\/\//.test(url)) return `MediaUrl${index} is no address`;
    const mimeType = text(`MediaContentType${index}`) || "application/octet-stream";
    media.push({
      type: typeOf(mimeType),
      mimeType,
      size: null,
      fileName: null,
      source: { kind: "url", url },
    });
  }
  return media;
}

/** vCard was sent under each of these names (https://www.rfc-editor.org/rfc/rfc6350#section-10.1). */
const contactTypes = /^text\/(?:x-)?vcard\b|^text\/directory\b/i;

function typeOf(mimeType: string): Media["type"] {
  if (mimeType.startsWith("image/")) return "photo";
  return contactTypes.test(mimeType) ? "contact" : "file";
}

/** What a report says of a message that comes in. */
const inboundStatuses: ReadonlySet<string> = new Set(["", "received", "receiving"]);

/**
 * A report of what became of a message of the bot's own
 * (https://www.twilio.com/docs/messaging/guides/track-outbound-message-status).
 */
export const isDeliveryReport = (fields: { get(name: string): string | null }): boolean =>
  ["MessageStatus", "SmsStatus"].some(
    (name) => !inboundStatuses.has((fields.get(name) ?? "").trim().toLowerCase()),
  );
