import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import { type Files, photoSize, type StoredFile } from "../files.ts";
import { badRequest } from "../rpc-error.ts";
import { bytesField, intField, longField, objectField, textField } from "../tl-fields.ts";
import type { MethodTable } from "./method.ts";

export interface FileMethodsDeps {
  readonly authKeys: AuthKeys;
  readonly files: Files;
}

const limitMax = 1024 * 1024;
const limitStep = 4096;

/** Parts up and chunks down (https://core.telegram.org/api/files). */
export function createFileMethods({ authKeys, files }: FileMethodsDeps): MethodTable {
  return {
    "upload.saveFilePart"(caller, query) {
      authKeys.requireUser(caller.key);
      const part = intField(query, "file_part");
      files.savePart(caller.key.id, longField(query, "file_id"), part, bytesField(query, "bytes"));
      return true;
    },
    "upload.getFile"(caller, query) {
      authKeys.requireUser(caller.key);
      const file = fileAt(files, objectField(query, "location"));
      const offset = Number(longField(query, "offset"));
      const limit = intField(query, "limit");
      const isAligned = limit > 0 && limit <= limitMax && limit % limitStep === 0;
      if (!isAligned) throw badRequest("LIMIT_INVALID");
      if (offset < 0 || offset % limitStep !== 0) throw badRequest("OFFSET_INVALID");
      return {
        _: "upload.file",
        type: { _: file.mimeType === "image/jpeg" ? "storage.fileJpeg" : "storage.fileUnknown" },
        mtime: file.dateS,
        bytes: Buffer.from(file.bytes.subarray(offset, offset + limit)),
      };
    },
  };
}

function fileAt(files: Files, location: TlObject): StoredFile {
  const isPhoto = location._ === "inputPhotoFileLocation";
  if (!isPhoto && location._ !== "inputDocumentFileLocation") throw badRequest("LOCATION_INVALID");
  const file = files.find(longField(location, "id"), longField(location, "access_hash"));
  if (file === undefined || (file.kind === "photo") !== isPhoto)
    throw badRequest("FILE_ID_INVALID");
  if (!file.fileReference.equals(bytesField(location, "file_reference"))) {
    throw badRequest("FILE_REFERENCE_EXPIRED");
  }
  if (isPhoto && textField(location, "thumb_size") !== photoSize) {
    throw badRequest("LOCATION_INVALID");
  }
  return file;
}

/** The argument of `messages.sendMedia` as a file of the data centre. */
export function sentFile(files: Files, authKeyId: string, media: TlObject): StoredFile {
  const isPhoto = media._ === "inputMediaUploadedPhoto";
  if (!isPhoto && media._ !== "inputMediaUploadedDocument") throw badRequest("MEDIA_INVALID");
  const input = objectField(media, "file");
  if (input._ !== "inputFile") throw badRequest("MEDIA_INVALID");
  const bytes = files.assemble(authKeyId, longField(input, "id"), intField(input, "parts"));
  return isPhoto
    ? files.add({ kind: "photo", mimeType: "image/jpeg", bytes })
    : files.add({
        kind: "document",
        mimeType: textField(media, "mime_type"),
        fileName: textField(input, "name"),
        bytes,
      });
}
