import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Tdata } from "@mtcute/convert";
import { createNodeCrypto } from "../../adapters/telegram/node-crypto.ts";
import { fileBytesMax, type ForeignSession, keyBytes, unreadable } from "./programs.ts";

/** Reads alone, and no file that is longer than any of them. */
const files = {
  async readFile(path: string): Promise<Uint8Array> {
    if ((await stat(path)).size > fileBytesMax) throw new Error("a file is longer than 64 MiB");
    return readFile(path);
  },
  /** The library asks for files that may be missing. */
  stat: async (path: string) =>
    stat(path).then(
      ({ size, mtimeMs }) => ({ size, lastModified: mtimeMs }),
      () => null as never,
    ),
  writeFile: () => Promise.reject(new Error("nothing is written")),
  mkdir: () => Promise.reject(new Error("nothing is written")),
};

/** The cryptography of our own driver, and MD5 and SHA-512 beside it. */
function crypto() {
  return Object.assign(createNodeCrypto(), {
    createHash(algorithm: "md5" | "sha512") {
      const hasher = createHash(algorithm);
      return {
        update: (data: Uint8Array) => void hasher.update(data),
        digest: () => hasher.digest(),
      };
    },
  });
}

/** The folder tdata of Telegram Desktop, where it is that or holds it; null where it is neither. */
export async function tdataIn(folder: string): Promise<string | null> {
  for (const path of [folder, join(folder, "tdata")]) {
    for (const name of ["key_datas", "key_data0", "key_data1"]) {
      if ((await files.stat(join(path, name))) !== null) return path;
    }
  }
  return null;
}

/**
 * The key of the account that Telegram Desktop shows, of several the one that it showed last. Throws
 * SESSION_UNREADABLE, also where the folder has a passcode.
 */
export async function sessionOfTdata(path: string): Promise<ForeignSession> {
  try {
    const tdata = await Tdata.open({ path, fs: files, crypto: crypto(), ignoreVersion: true });
    const { mainDcId, authKeys } = await tdata.readMtpAuthorization(tdata.keyData.active);
    const key = authKeys.find(({ dcId }) => dcId === mainDcId)?.key;
    if (key?.length !== keyBytes) throw new Error("nobody is logged in there");
    return { dcId: mainDcId, key, isTest: false };
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const why = /invalid password/i.test(said)
      ? "it has a local passcode; take it off in Telegram Desktop, and copy the folder anew"
      : said;
    throw unreadable(`${basename(path)} cannot be read: ${why}.`, cause);
  }
}
