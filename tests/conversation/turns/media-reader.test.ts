import { describe, expect, it } from "vitest";
import { createMediaReader } from "../../../src/conversation/turns/media-reader.ts";
import { HoldfastError } from "../../../src/errors.ts";
import type { Media } from "../../../src/ports/telegram/media.ts";
import type { JsonObject } from "../../../src/ports/telegram/telegram.ts";

const chunk = 256 * 1024;
const photo: Media = {
  type: "photo",
  mimeType: "image/jpeg",
  size: null,
  fileName: null,
  source: {
    kind: "telegram",
    messageId: 12,
    id: "7",
    accessHash: "8",
    fileReference: "b2xk",
    thumbSize: "x",
  },
};

/** Telegram with one file of so many bytes, whose reference is the given one. */
function holderOf(length: number, reference = "b2xk") {
  const bytes = Buffer.alloc(length, "abcdefghij");
  const calls: (readonly [string, JsonObject])[] = [];
  const reader = createMediaReader({
    async invoke(account, method, params) {
      expect(account).toBe("desk");
      calls.push([method, params]);
      if (method === "messages.getMessages") {
        const media = { photo: { id: { $long: "7" }, fileReference: { $bytes: reference } } };
        return { messages: [{ id: 12, media }] };
      }
      const { location, offset } = params as unknown as {
        readonly location: { readonly fileReference: { readonly $bytes: string } };
        readonly offset: { readonly $long: string };
      };
      if (location.fileReference.$bytes !== reference) {
        throw new HoldfastError({ code: "FILE_REFERENCE_EXPIRED", message: "it is old" });
      }
      const from = Number(offset.$long);
      return { bytes: { $bytes: bytes.subarray(from, from + chunk).toString("base64") } };
    },
    fetchUrl: async (_url, bytesMax) => bytes.subarray(0, bytesMax + 1),
  });
  return { bytes, calls, reader };
}

describe("a file of Telegram's (V16)", () => {
  it.each([0, 10, chunk - 1, chunk, chunk + 1, 3 * chunk])(
    "of %d bytes is read whole",
    async (length) => {
      const { reader, bytes } = holderOf(length);
      expect(Buffer.from(await reader.read("desk", photo, 10 * chunk)).equals(bytes)).toBe(true);
    },
  );

  it("is read with the new reference of its message when the old one has expired, once", async () => {
    const { reader, calls, bytes } = holderOf(chunk + 5, "bmV3");
    expect(Buffer.from(await reader.read("desk", photo, 10 * chunk)).equals(bytes)).toBe(true);
    expect(calls.map(([method]) => method)).toEqual([
      "upload.getFile",
      "messages.getMessages",
      "upload.getFile",
      "upload.getFile",
    ]);
    const elsewhere = { ...photo, source: { ...photo.source, id: "9" } } as Media;
    await expect(reader.read("desk", elsewhere, 10)).rejects.toMatchObject({ code: "MEDIA_GONE" });
  });

  it("is refused before a call where its size is told, and while it is read where it is not", async () => {
    const { reader, calls } = holderOf(3 * chunk);
    const told = { ...photo, size: 3 * chunk };
    await expect(reader.read("desk", told, chunk)).rejects.toMatchObject({
      code: "MEDIA_TOO_LARGE",
    });
    expect(calls).toHaveLength(0);
    await expect(reader.read("desk", photo, chunk)).rejects.toMatchObject({
      code: "MEDIA_TOO_LARGE",
    });
    expect(calls).toHaveLength(2);
  });
});

describe("a file with an address", () => {
  it("is fetched, and refused when there is more than allowed", async () => {
    const { reader, bytes } = holderOf(100);
    const file: Media = { ...photo, source: { kind: "url", url: "https://example.com/1.jpg" } };
    expect(Buffer.from(await reader.read("desk", file, 100)).equals(bytes)).toBe(true);
    await expect(reader.read("desk", file, 99)).rejects.toMatchObject({ code: "MEDIA_TOO_LARGE" });
  });
});

describe("a place", () => {
  it("is read as a point in GeoJSON, and nothing is asked for it", async () => {
    const { reader, calls } = holderOf(0);
    const place: Media = {
      type: "place",
      mimeType: "application/geo+json",
      size: null,
      fileName: null,
      source: {
        kind: "place",
        latitude: 48.8566,
        longitude: 2.3522,
        label: null,
        address: "1 rue X",
      },
    };
    const bytes = Buffer.from(await reader.read("desk", place, chunk));
    expect(JSON.parse(bytes.toString())).toEqual({
      type: "Feature",
      geometry: { type: "Point", coordinates: [2.3522, 48.8566] },
      properties: { label: null, address: "1 rue X" },
    });
    expect(calls).toEqual([]);
  });
});
