import { describe, expect, it } from "vitest";
import { isDeliveryReport, webhookItem } from "../../../src/channels/webhook/items.ts";
import { messageIdTold, webhookMessageId } from "../../../src/channels/webhook/message-id.ts";
import { corpus } from "../../corpus/read.ts";

const read = (fields: Record<string, string>) =>
  webhookItem(new URLSearchParams(fields), "whatsapp", 5);
const sid = (digit: string) => `SM${digit.repeat(32)}`;
const message = { From: "whatsapp:+33612345678", MessageSid: sid("1"), Body: "Bonjour" };

describe("what a provider posts (V15)", () => {
  it("becomes an item of the stream", () => {
    expect(read({ ...message, To: "whatsapp:+33100000000", NumSegments: "1" })).toEqual({
      channel: "webhook",
      account: "whatsapp",
      chatUser: "whatsapp:+33612345678",
      peer: { userId: "whatsapp:+33612345678", accessHash: "" },
      inboundId: `m:${sid("1")}`,
      kind: "text",
      text: "Bonjour",
      receivedAtMs: 5,
    });
    expect(read({ ...message, MessageSid: "", SmsMessageSid: sid("2") })).toMatchObject({
      inboundId: `m:${sid("2")}`,
    });
  });

  it("tells the name that the provider knows, and no other thing of the writer", () => {
    expect(read({ ...message, ProfileName: " Marie Dupont " })).toMatchObject({
      from: { name: "Marie Dupont" },
    });
    expect(read({ ...message, ProfileName: "M".repeat(500) })).toMatchObject({
      from: { name: "M".repeat(128) },
    });
    expect(read(message)).not.toHaveProperty("writtenAtMs");
  });

  it("brings files by their addresses", () => {
    const files = {
      NumMedia: "2",
      MediaUrl0: "https://api.example.com/media/1",
      MediaContentType0: "image/jpeg",
      MediaUrl1: "https://api.example.com/media/2",
      MediaContentType1: "application/pdf",
    };
    expect(read({ ...message, Body: "", ...files })).toMatchObject({
      text: "",
      media: [
        {
          type: "photo",
          mimeType: "image/jpeg",
          source: { url: "https://api.example.com/media/1" },
        },
        { type: "file", mimeType: "application/pdf", size: null },
      ],
    });
  });

  it("is a choice where it carries interactive data, one for each press", () => {
    const choice = { ...message, Body: "Champigny", ButtonPayload: "h1:4:2:0" };
    expect(read({ ...choice, OriginalRepliedMessageSid: sid("0") })).toMatchObject({
      kind: "tap",
      text: "h1:4:2:0",
      inboundId: `tap:${sid("0")}:h1:4:2:0#${sid("1")}`,
    });
    expect(read({ ...message, ListId: "h1:4:2:1" })).toMatchObject({
      kind: "tap",
      inboundId: `tap:${sid("1")}:h1:4:2:1#${sid("1")}`,
    });
  });

  it("keeps each letter of its text, a mark of bytes in front included", () => {
    const said = (
      corpus("texts") as readonly { readonly text: string; readonly is: string }[]
    ).filter(({ text }) => text.trim() !== "");
    const texts = said.map(({ text }) => {
      const posted = Buffer.from(new URLSearchParams({ ...message, Body: text }).toString());
      return webhookItem(new URLSearchParams(posted.toString("utf8")), "whatsapp", 5);
    });
    expect(texts).toMatchObject(said.map(({ is }) => ({ text: is })));
  });

  it("is sanitised where Postgres could not hold it", () => {
    expect(read({ ...message, Body: "a\u0000b\uD800c" })).toMatchObject({
      text: "a\uFFFDb\uFFFDc",
    });
  });

  it.each([
    ["no sender", { From: "" }, "From is missing"],
    ["no id", { MessageSid: " " }, "MessageSid is missing"],
    ["a sender without end", { From: "1".repeat(257) }, "From is too long"],
    ["an id without end", { MessageSid: "S".repeat(300) }, "MessageSid is too long"],
    [
      "an id that took a neighbour along",
      { MessageSid: `${sid("1")}NumMedia0` },
      `MessageSid is not ${messageIdTold}`,
    ],
    [
      "a choice under something that is no message",
      { ButtonPayload: "h1", OriginalRepliedMessageSid: "SM0To+1" },
      `OriginalRepliedMessageSid is not ${messageIdTold}`,
    ],
    [
      "another gateway's id that took a neighbour along",
      { MessageSid: "gateway:1NumMedia0" },
      `MessageSid is not ${messageIdTold}`,
    ],
    ["half a place", { Latitude: "48.8566" }, "Longitude is no number from -180 to 180"],
    [
      "a place beyond the pole",
      { Latitude: "90.1", Longitude: "0" },
      "Latitude is no number from -90 to 90",
    ],
    [
      "a place in words",
      { Latitude: "0x10", Longitude: "0" },
      "Latitude is no number from -90 to 90",
    ],
    ["half a file", { NumMedia: "1" }, "MediaUrl0 is no address"],
    [
      "a file of another kind of address",
      { NumMedia: "1", MediaUrl0: "file:///etc/passwd" },
      "MediaUrl0 is no address",
    ],
    ["no number of files", { NumMedia: "many" }, "NumMedia must be 0 to 10"],
    ["files without end", { NumMedia: "1000" }, "NumMedia must be 0 to 10"],
  ])("is refused with %s", (_name, change, fault) => {
    expect(read({ ...message, ...change })).toEqual({ fault });
  });

  it("is a place where it has one, with or without a text", () => {
    const place = { Latitude: "48.8566", Longitude: "-2.3522", Label: "Office" };
    expect(read({ ...message, Body: "", NumMedia: "0", ...place })).toMatchObject({
      kind: "text",
      text: "",
      media: [
        {
          type: "place",
          source: {
            kind: "place",
            latitude: 48.8566,
            longitude: -2.3522,
            label: "Office",
            address: null,
          },
        },
      ],
    });
  });

  it.each(["text/vcard", "text/x-vcard; charset=utf-8", "text/directory"])(
    "is a contact where it brings %s",
    (MediaContentType0) => {
      const card = { NumMedia: "1", MediaUrl0: "https://a.example/2", MediaContentType0 };
      expect(read({ ...message, ...card })).toMatchObject({ media: [{ type: "contact" }] });
    },
  );

  it.each([
    ["queued", "queued", true],
    ["Delivered", "", true],
    ["", "failed", true],
    ["read", "received", true],
    ["", "received", false],
    ["received", "received", false],
    ["", "", false],
  ])("with MessageStatus %j and SmsStatus %j is a report: %j", (status, sms, isReport) => {
    const fields = new URLSearchParams({ ...message, MessageStatus: status, SmsStatus: sms });
    expect(isDeliveryReport(fields)).toBe(isReport);
  });

  it.each(["gateway:123:abc", "urn:uuid:6e8bc430", "wamid.HBgLMzM2MTIzNDU2Nzg==", sid("7")])(
    "keeps the id %s whole, in a message and in a choice",
    (id) => {
      const idIn = (fields: Record<string, string>) => {
        const item = read({ ...message, MessageSid: id, ...fields });
        return "fault" in item ? item.fault : webhookMessageId(item.inboundId);
      };
      expect(idIn({})).toBe(id);
      expect(idIn({ ButtonPayload: "h1:4:2:0" })).toBe(id);
      expect(idIn({ ButtonPayload: "h1:4", OriginalRepliedMessageSid: "a:b" })).toBe("a:b");
    },
  );

  it("gives its own id back with the reply", () => {
    expect(["m:SM1", "tap:SM0:h1:4:2:0#SM1", "odd"].map(webhookMessageId)).toEqual([
      "SM1",
      "SM0",
      "",
    ]);
  });
});
