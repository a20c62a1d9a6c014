import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { Media } from "../../ports/telegram/media.ts";
import { storableText } from "../../ports/conversation/storable-text.ts";
import { writerOf } from "../../ports/telegram/writer.ts";

/** The fault of a request, in one line. */
export interface WebhookFault {
  readonly fault: string;
}

const nameLengthMax = 256;
const messageIdForm = /^(?:SM|MM)[0-9a-f]{32}$/;
const messageIdTold = "SM or MM and 32 hex digits";
const mediaMax = 10;

/**
 * A message as a provider posts it (https://www.twilio.com/docs/messaging/guides/webhook-request).
 * Its fields: From, ProfileName, Body, MessageSid, NumMedia with MediaUrl0 and MediaContentType0 and so on. A
 * choice has ButtonPayload or ListId, and OriginalRepliedMessageSid for the message that offered
 * it. Other fields are ignored.
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
  if (!messageIdForm.test(messageId)) return { fault: `MessageSid is not ${messageIdTold}` };
  const repliedTo = text("OriginalRepliedMessageSid");
  if (repliedTo !== "" && !messageIdForm.test(repliedTo)) {
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
      inboundId: `tap:${repliedTo || messageId}:${choice}#${messageId}`,
      kind: "tap",
      text: choice,
    };
  }
  const media = mediaIn(text);
  if (typeof media === "string") return { fault: media };
  return {
    ...common,
    inboundId: `m:${messageId}`,
    kind: "text",
    text: text("Body"),
    ...(media.length > 0 && { media }),
  };
}

function mediaIn(text: (name: string) => string): readonly Media[] | string {
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
      type: mimeType.startsWith("image/") ? "photo" : "file",
      mimeType,
      size: null,
      fileName: null,
      source: { kind: "url", url },
    });
  }
  return media;
}

/**
 * The provider's id, read from an inbound id. For a choice: the id of the message that offered it.
 */
export const webhookMessageId = (inboundId: string): string =>
  /^(?:m|tap):([^:]*)/.exec(inboundId)?.[1] ?? "";
