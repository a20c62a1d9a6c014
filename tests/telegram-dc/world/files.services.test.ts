import { describe, expect, it } from "vitest";
import { restoreSnapshot, takeSnapshot } from "../../../src/telegram-dc/state/snapshot.ts";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { createBench, inner, inputPeer } from "../../fixtures/telegram-dc/world-bench.ts";

const picture = Buffer.alloc(300_000, "picture");

async function people() {
  const bench = createBench();
  const ada = bench.phone.createUser({ phone: "99966100001", firstName: "Ada", username: "ada" });
  const bob = bench.phone.createUser({ phone: "99966100002", firstName: "Bob", username: "bob" });
  const client = await bench.logIn("99966100001", "ada");
  const toBob = inputPeer(bench, ada.id, bob.id);
  return { bench, ada, bob, client, toBob };
}

type People = Awaited<ReturnType<typeof people>>;

/** Uploads the picture in two parts. */
async function upload({ client }: People, fileId = 9n): Promise<TlObject> {
  const parts = [picture.subarray(0, 200_000), picture.subarray(200_000)];
  for (const [part, bytes] of parts.entries()) {
    const saved = client.ask("upload.saveFilePart", { file_id: fileId, file_part: part, bytes });
    expect(await saved).toBe(true);
  }
  return { _: "inputFile", id: fileId, parts: 2, name: "crack.jpg", md5_checksum: "" };
}

const sendPhoto = (all: People, file: TlObject, more = {}) =>
  all.client.get("messages.sendMedia", {
    peer: all.toBob,
    media: { _: "inputMediaUploadedPhoto", file },
    message: "the crack",
    random_id: 7n,
    ...more,
  });

function locationOf(photo: TlObject, change: Partial<TlObject> = {}): TlObject {
  return {
    _: "inputPhotoFileLocation",
    id: photo["id"] ?? 0n,
    access_hash: photo["access_hash"] ?? 0n,
    file_reference: photo["file_reference"] ?? Buffer.of(),
    thumb_size: "x",
    ...change,
  };
}

const getFile = ({ client }: People, location: TlObject, more = {}) =>
  client.get("upload.getFile", { location, offset: 0n, limit: 1_048_576, ...more });

describe("files", () => {
  it("go up in parts, are sent with a caption, and come down whole", async () => {
    const all = await people();
    const answer = await sendPhoto(all, await upload(all));
    const message = inner(answer, "updates", 1, "message") as TlObject;
    expect(message["message"]).toBe("the crack");
    const photo = inner(message, "media", "photo") as TlObject;
    expect(photo["sizes"]).toMatchObject([{ type: "x", size: picture.length }]);
    expect(all.bench.phone.messages("bob")).toMatchObject([
      { text: "the crack", media: "messageMediaPhoto" },
    ]);
    const first = await getFile(all, locationOf(photo), { limit: 262_144 });
    const rest = await getFile(all, locationOf(photo), { limit: 262_144, offset: 262_144n });
    const bytes = [first, rest].map(({ bytes: part }) => part as Buffer);
    expect(Buffer.concat(bytes).equals(picture)).toBe(true);
  });

  it("are sent by a person's phone, also without words, and with a name", async () => {
    const all = await people();
    const plan = {
      kind: "document",
      mimeType: "application/pdf",
      fileName: "plan.pdf",
      bytes: picture,
    };
    all.bench.phone.send("bob", { peer: "ada", text: "", file: { ...plan, kind: "document" } });
    const found = await all.client.get("messages.getMessages", {
      id: [{ _: "inputMessageID", id: 1 }],
    });
    expect(inner(found, "messages", 0, "media", "document")).toMatchObject({
      mime_type: "application/pdf",
      size: 300_000n,
      attributes: [{ _: "documentAttributeFilename", file_name: "plan.pdf" }],
    });
    expect(() => all.bench.phone.send("bob", { peer: "ada", text: " " })).toThrow("1 to 4096");
  });

  it("are refused where Telegram would refuse them", async () => {
    const all = await people();
    const part = { file_id: 9n, file_part: 0 };
    const big = all.client.ask("upload.saveFilePart", { ...part, bytes: Buffer.alloc(524_289) });
    await expect(big).rejects.toThrow("400 FILE_PART_TOO_BIG");
    const unknown = { _: "inputFile", id: 5n, parts: 1, name: "x", md5_checksum: "" };
    await expect(sendPhoto(all, unknown)).rejects.toThrow("400 FILE_PARTS_INVALID");
    const lacking = { ...(await upload(all)), parts: 3 };
    await expect(sendPhoto(all, lacking)).rejects.toThrow("400 FILE_PART_2_MISSING");
    const long = sendPhoto(all, await upload(all), { message: "x".repeat(1025) });
    await expect(long).rejects.toThrow("400 MEDIA_CAPTION_TOO_LONG");
    const sent = await sendPhoto(all, await upload(all));
    const photo = inner(sent, "updates", 1, "message", "media", "photo") as TlObject;
    for (const [change, more, error] of [
      [{ access_hash: 1n }, {}, "400 FILE_ID_INVALID"],
      [{ file_reference: Buffer.alloc(16) }, {}, "400 FILE_REFERENCE_EXPIRED"],
      [{ thumb_size: "m" }, {}, "400 LOCATION_INVALID"],
      [{}, { limit: 1000 }, "400 LIMIT_INVALID"],
      [{}, { offset: 1n }, "400 OFFSET_INVALID"],
    ] as const) {
      await expect(getFile(all, locationOf(photo, change), more)).rejects.toThrow(error);
    }
    await expect(sendPhoto(all, await upload(all))).rejects.toThrow("500 RANDOM_ID_DUPLICATE");
  });

  it("outlive a restart with the message that brought them", async () => {
    const all = await people();
    const sent = await sendPhoto(all, await upload(all));
    const photo = inner(sent, "updates", 1, "message", "media", "photo") as TlObject;
    const registry = { exportKeys: () => [], importKeys: () => undefined };
    const snapshot = takeSnapshot(all.bench.world.parts, registry, "pem");
    const next = createBench();
    restoreSnapshot(snapshot, next.world.parts, registry);
    const client = await next.logIn("99966100001", "ada-2");
    const again = { ...all, bench: next, client };
    const { bytes } = await getFile(again, locationOf(photo));
    expect((bytes as Buffer).equals(picture)).toBe(true);
  });
});
