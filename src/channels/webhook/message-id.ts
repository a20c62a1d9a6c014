const lengthMax = 256;
/** Twilio's own form. */
const numberedForm = /^(?:SM|MM)[0-9a-f]{32}/;
const numberedLength = 34;
const form = /^[A-Za-z0-9][\w.:=+/@-]*$/;
/** The provider's signature does not say where a field ends: an id could take the next field along. */
const neighbour =
  /NumMedia|NumSegments|MessageStatus|MessageType|OriginalReplied|ProfileName|SmsMessageSid|SmsSid|SmsStatus|To(?:\+|[a-z]+:)/;

export const messageIdTold =
  "SM or MM and 32 hex digits, or up to 256 letters, digits and . : _ = + / @ - without the name of a field";

/** Whether it is a message's id, wholly and nothing else: Twilio's, or that of another gateway in its form. */
export const isMessageId = (id: string): boolean =>
  id.length <= lengthMax &&
  form.test(id) &&
  !neighbour.test(id) &&
  (!numberedForm.test(id) || id.length === numberedLength);

/** The inbound id of a message. */
export const inboundIdOf = (messageId: string): string => `m:${messageId}`;

/** The inbound id of a choice under the message `offeredBy`, pressed by the message `pressId`. */
export const inboundIdOfChoice = (offeredBy: string, choice: string, pressId: string): string =>
  `tap:${offeredBy.replaceAll(":", "%3A")}:${choice}#${pressId}`;

/** The provider's id, read from an inbound id. For a choice: the id of the message that offered it. */
export function webhookMessageId(inboundId: string): string {
  const [, message, offeredBy = ""] = /^(?:m:(.*)|tap:([^:]*))/s.exec(inboundId) ?? [];
  return message ?? offeredBy.replaceAll("%3A", ":");
}
