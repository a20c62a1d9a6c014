import type { tl } from "@mtcute/core";
import type { Media } from "../../ports/telegram/media.ts";

/** The photo or file of a message; null for anything else, such as a place or the preview of a link. */
export function mediaIn({ id: messageId, media }: tl.RawMessage): Media | null {
  if (media?._ === "messageMediaPhoto" && media.photo?._ === "photo") {
    return photo(messageId, media.photo);
  }
  if (media?._ === "messageMediaDocument" && media.document?._ === "document") {
    return file(messageId, media.document);
  }
  return null;
}

function photo(messageId: number, raw: tl.RawPhoto): Media | null {
  const sizes = raw.sizes.flatMap((size) => sizeOf(size) ?? []);
  const largest = sizes.toSorted((a, b) => b.size - a.size)[0];
  if (largest === undefined) return null;
  return {
    type: "photo",
    // Telegram keeps photos as JPEG (https://core.telegram.org/api/files).
    mimeType: "image/jpeg",
    size: largest.size,
    fileName: null,
    source: sourceOf(messageId, raw, largest.type),
  };
}

/** Those that can be downloaded; the others are strips and previews within the object itself. */
function sizeOf(size: tl.TypePhotoSize): { readonly type: string; readonly size: number } | null {
  if (size._ === "photoSize") return size;
  return size._ === "photoSizeProgressive"
    ? { type: size.type, size: Math.max(...size.sizes) }
    : null;
}

function file(messageId: number, raw: tl.RawDocument): Media {
  const named = raw.attributes.find((attribute) => attribute._ === "documentAttributeFilename");
  return {
    type: "file",
    mimeType: raw.mimeType,
    // 64 bits, which the one library gives as an object.
    size: Number(String(raw.size)),
    fileName: named?.fileName ?? null,
    source: sourceOf(messageId, raw, ""),
  };
}

const sourceOf = (
  messageId: number,
  { id, accessHash, fileReference }: Pick<tl.RawPhoto, "id" | "accessHash" | "fileReference">,
  thumbSize: string,
): Media["source"] => ({
  kind: "telegram",
  messageId,
  id: id.toString(),
  accessHash: accessHash.toString(),
  fileReference: Buffer.from(fileReference).toString("base64"),
  thumbSize,
});
