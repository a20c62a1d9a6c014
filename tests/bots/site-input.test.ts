import { describe, expect, it } from "vitest";
import { eventFor } from "../../src/bots/site-manager/site-input.ts";
import type { Media } from "../../src/ports/telegram/media.ts";

const media = (type: Media["type"]): Media => ({
  type,
  mimeType: "application/octet-stream",
  size: null,
  fileName: null,
  source: { kind: "url", url: "https://a.example/1" },
});

describe("what was sent to the example bot", () => {
  it("counts photos and files, and neither places nor contacts", () => {
    const event = (...types: Media["type"][]) =>
      eventFor({ kind: "media", media: types.map(media), caption: "" }, []);
    expect(event("photo", "file", "place", "contact")).toEqual({ type: "photos", count: 2 });
    expect(event("place")).toEqual({ type: "other-words" });
  });
});
