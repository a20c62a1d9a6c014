import { HoldfastError } from "../../errors.ts";
import type { MediaReader, Place, TelegramFile } from "../../ports/telegram/media.ts";
import type { JsonObject, JsonValue } from "../../ports/telegram/telegram.ts";

export interface MediaReaderOptions {
  /**
   * A method of Telegram's, called by the account's holder. Rejects with HoldfastError under
   * Telegram's code.
   */
  invoke(account: string, method: string, params: JsonObject): Promise<JsonValue>;
  /** The file at that address: at most `bytesMax` and one byte more. */
  fetchUrl(url: string, bytesMax: number): Promise<Uint8Array>;
}

/** Bytes of one answer: in base64 and JSON well below the limit of a NATS message. */
const chunkBytes = 256 * 1024;

/**
 * Reads files where they lie: Telegram's through the holder of the account, chunk by chunk, others by their address.
 */
export function createMediaReader({ invoke, fetchUrl }: MediaReaderOptions): MediaReader {
  async function chunk(account: string, file: TelegramFile, offset: number): Promise<Buffer> {
    const answer = await invoke(account, "upload.getFile", {
      location: locationOf(file),
      offset: { $long: String(offset) },
      limit: chunkBytes,
    });
    const bytes = isObject(answer) && isObject(answer["bytes"]) ? answer["bytes"]["$bytes"] : null;
    if (typeof bytes !== "string") throw gone("Telegram's answer holds no bytes");
    return Buffer.from(bytes, "base64");
  }

  /** References expire; the message that brought the file has a new one. */
  async function renewed(account: string, file: TelegramFile): Promise<TelegramFile> {
    const answer = await invoke(account, "messages.getMessages", {
      id: [{ _: "inputMessageID", id: file.messageId }],
    });
    const fileReference = referenceIn(answer, file.id);
    if (fileReference === null) throw gone(`message ${file.messageId} does not have it any more`);
    return { ...file, fileReference };
  }

  async function readTelegram(account: string, file: TelegramFile, bytesMax: number) {
    const chunks: Buffer[] = [];
    let from = file;
    let length = 0;
    for (let isLast = false; !isLast; ) {
      const next = await chunk(account, from, length).catch(async (error: unknown) => {
        if (from !== file || !isExpired(error)) throw error;
        from = await renewed(account, file);
        return chunk(account, from, length);
      });
      chunks.push(next);
      length += next.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      isLast = next.length < chunkBytes;
    }
    return Buffer.concat(chunks);
  }

  return {
    async read(account, { source, size }, bytesMax) {
      if (size !== null && size > bytesMax) throw tooLarge(bytesMax);
      if (source.kind === "telegram") return readTelegram(account, source, bytesMax);
      if (source.kind === "place") return geoJson(source);
      const bytes = await fetchUrl(source.url, bytesMax);
      if (bytes.length > bytesMax) throw tooLarge(bytesMax);
      return bytes;
    },
  };
}

function geoJson({ latitude, longitude, label, address }: Place): Uint8Array {
  const geometry = { type: "Point", coordinates: [longitude, latitude] };
  return Buffer.from(JSON.stringify({ type: "Feature", geometry, properties: { label, address } }));
}

function locationOf({ id, accessHash, fileReference, thumbSize }: TelegramFile): JsonObject {
  return {
    _: thumbSize === "" ? "inputDocumentFileLocation" : "inputPhotoFileLocation",
    id: { $long: id },
    accessHash: { $long: accessHash },
    fileReference: { $bytes: fileReference },
    thumbSize,
  };
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isExpired = (error: unknown): boolean =>
  error instanceof HoldfastError && error.code.startsWith("FILE_REFERENCE_");

/** The reference of the file with that id, wherever it stands in the answer. */
function referenceIn(value: JsonValue, id: string): string | null {
  if (Array.isArray(value)) {
    for (const one of value as readonly JsonValue[]) {
      const found = referenceIn(one, id);
      if (found !== null) return found;
    }
    return null;
  }
  if (!isObject(value)) return null;
  const reference = value["fileReference"];
  if (isObject(value["id"]) && value["id"]["$long"] === id && isObject(reference)) {
    return typeof reference["$bytes"] === "string" ? reference["$bytes"] : null;
  }
  return referenceIn(Object.values(value), id);
}

const tooLarge = (bytesMax: number) =>
  new HoldfastError({
    code: "MEDIA_TOO_LARGE",
    message: `The file is larger than ${bytesMax} bytes; it was not read to its end.`,
    next: "Ask for more: turn.download(media, { bytesMax }).",
  });

const gone = (why: string) =>
  new HoldfastError({
    code: "MEDIA_GONE",
    message: `The file cannot be read: ${why}.`,
    next: "Ask the user to send it again.",
  });
