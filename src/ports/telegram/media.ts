/**
 * A file of a message, or a place that was sent. Its bytes stay where they are until a bot asks for them. JSON.
 * A `contact` is a vCard.
 */
export interface Media {
  readonly type: "photo" | "file" | "contact" | "place";
  /** As the channel tells it, such as `image/jpeg`. */
  readonly mimeType: string;
  /** Bytes; null where the channel does not tell. */
  readonly size: number | null;
  readonly fileName: string | null;
  readonly source: MediaSource;
}

/** Where the bytes are. */
export type MediaSource = TelegramFile | { readonly kind: "url"; readonly url: string } | Place;

/** A place itself: downloaded, it is a point in GeoJSON (https://www.rfc-editor.org/rfc/rfc7946). */
export interface Place {
  readonly kind: "place";
  /** Degrees, -90 to 90. */
  readonly latitude: number;
  /** Degrees, -180 to 180. */
  readonly longitude: number;
  /** Its name, and its address; null where they were not sent. */
  readonly label: string | null;
  readonly address: string | null;
}

/** A file of Telegram's (https://core.telegram.org/api/files#downloading-files); 64-bit numbers are decimal text. */
export interface TelegramFile {
  readonly kind: "telegram";
  /** Of the message that brought it: reading that message again gives a new reference. */
  readonly messageId: number;
  readonly id: string;
  readonly accessHash: string;
  /** Base64; Telegram lets it expire. */
  readonly fileReference: string;
  /** Of the largest size of a photo; empty for a file. */
  readonly thumbSize: string;
}

/** Reads files. Rejects with HoldfastError MEDIA_TOO_LARGE, MEDIA_GONE, or the channel's own refusal. */
export interface MediaReader {
  /**
   * The whole of a file that came to this account.
   * @param bytesMax a longer file is refused, and not read to its end
   */
  read(account: string, media: Media, bytesMax: number): Promise<Uint8Array>;
}

/** Largest accepted file of every channel, unless the bot allows more; in bytes. */
export const mediaBytesMaxDefault = 20 * 1024 * 1024;
