import type { TlObject } from "../seam.ts";
import { type Clock, dateSeconds, randomLong, type RandomSource } from "./clock.ts";
import type { WorldConfig } from "./config.ts";
import { badRequest } from "./rpc-error.ts";

export const fileKinds = ["photo", "document"] as const;
export type FileKind = (typeof fileKinds)[number];

/** The parts of a new file. */
export interface FileSpec {
  readonly kind: FileKind;
  readonly mimeType: string;
  readonly fileName?: string | undefined;
  readonly bytes: Uint8Array;
}

/** A stored file, sent by reference from then on. */
export interface StoredFile extends FileSpec {
  readonly id: bigint;
  readonly accessHash: bigint;
  readonly fileReference: Buffer;
  readonly dateS: number;
}

/** Uploaded parts, and the files made of them (https://core.telegram.org/api/files). */
export interface Files {
  /** @throws RpcError FILE_PART_TOO_BIG, FILE_PART_INVALID */
  savePart(authKeyId: string, fileId: bigint, part: number, bytes: Buffer): void;
  /**
   * The bytes of parts 0 to `parts` − 1; forgets the parts.
   * @throws RpcError FILE_PARTS_INVALID, FILE_PART_X_MISSING
   */
  assemble(authKeyId: string, fileId: bigint, parts: number): Buffer;
  add(spec: FileSpec): StoredFile;
  /** Restores a file of an earlier run. */
  restore(file: StoredFile): void;
  find(id: bigint, accessHash: bigint): StoredFile | undefined;
  all(): Iterable<StoredFile>;
}

const partBytesMax = 512 * 1024;
const partsMax = 8_000;
/** Uploads begun and not sent; beyond this the oldest is forgotten. */
const uploadsMax = 64;
/** The one stored size of a photo, and its edges: pictures are not decoded. */
export const photoSize = "x";
const photoEdges = { w: 800, h: 600 } as const;

export interface FilesDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
}

export function createFiles({ clock, random }: FilesDeps): Files {
  const uploads = new Map<string, Map<number, Buffer>>();
  const files = new Map<bigint, StoredFile>();

  return {
    savePart(authKeyId, fileId, part, bytes) {
      if (bytes.length > partBytesMax) throw badRequest("FILE_PART_TOO_BIG");
      if (bytes.length === 0) throw badRequest("FILE_PART_EMPTY");
      if (part < 0 || part >= partsMax) throw badRequest("FILE_PART_INVALID");
      const key = `${authKeyId}:${fileId}`;
      const parts = uploads.get(key) ?? new Map<number, Buffer>();
      uploads.delete(key);
      uploads.set(key, parts.set(part, bytes));
      for (const oldest of uploads.keys()) {
        if (uploads.size <= uploadsMax) break;
        uploads.delete(oldest);
      }
    },
    assemble(authKeyId, fileId, parts) {
      const key = `${authKeyId}:${fileId}`;
      const saved = uploads.get(key);
      if (saved === undefined || parts < 1 || parts > partsMax) {
        throw badRequest("FILE_PARTS_INVALID");
      }
      const bytes = Array.from({ length: parts }, (_, part) => {
        const found = saved.get(part);
        if (found === undefined) throw badRequest(`FILE_PART_${part}_MISSING`);
        return found;
      });
      uploads.delete(key);
      return Buffer.concat(bytes);
    },
    add(spec) {
      const file: StoredFile = {
        ...spec,
        id: randomLong(random),
        accessHash: randomLong(random),
        fileReference: random.bytes(16),
        dateS: dateSeconds(clock),
      };
      files.set(file.id, file);
      return file;
    },
    restore: (file) => void files.set(file.id, file),
    find(id, accessHash) {
      const file = files.get(id);
      return file?.accessHash === accessHash ? file : undefined;
    },
    all: () => files.values(),
  };
}

/** The file as a message shows it. */
export function tlMedia(file: StoredFile, { dcId }: Pick<WorldConfig, "dcId">): TlObject {
  const common = {
    id: file.id,
    access_hash: file.accessHash,
    file_reference: file.fileReference,
    date: file.dateS,
    dc_id: dcId,
  };
  if (file.kind === "photo") {
    const size = { _: "photoSize", type: photoSize, ...photoEdges, size: file.bytes.length };
    return { _: "messageMediaPhoto", photo: { _: "photo", ...common, sizes: [size] } };
  }
  const named = file.fileName === undefined ? [] : [nameAttribute(file.fileName)];
  return {
    _: "messageMediaDocument",
    document: {
      _: "document",
      ...common,
      mime_type: file.mimeType,
      size: BigInt(file.bytes.length),
      attributes: named,
    },
  };
}

const nameAttribute = (fileName: string): TlObject => ({
  _: "documentAttributeFilename",
  file_name: fileName,
});
