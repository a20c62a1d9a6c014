import { createHash } from "node:crypto";
import {
  closeSync,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { JournalEntry } from "../custody/ledger-proof.ts";
import type { Signer } from "../ports/custody/signatures.ts";
import { headText } from "../custody/signed-statements.ts";
import type { LedgerHead, LedgerPart } from "../ports/custody/ledger-store.ts";

/** The journal of one gate: every open and close of a socket, one JSON line each. */
export interface Journal {
  /** Hands the line to the kernel, so that it survives the process; the disk has it moments later. */
  write(entry: JournalEntry): void;
  /** Unstored lines of this journal and of earlier ones of this home, the oldest first. */
  pending(): LedgerPart;
  /**
   * Tells that the last answer of `pending` is stored elsewhere now. An earlier gate's journal that
   * is stored whole is removed.
   */
  stored(): void;
  close(): void;
}

interface Source {
  readonly incarnation: string;
  readonly path: string;
  /** Of an earlier gate: it is written no more. */
  readonly ended: boolean;
  /** Bytes already stored elsewhere. */
  bytes: number;
  seq: number;
  digest: string;
}

const suffix = ".jsonl";
const shipmentBytesMax = 256 * 1024;
const newline = 0x0a;

export const digestOf = (line: string): string => createHash("sha256").update(line).digest("hex");

/**
 * Opens the journal of an incarnation in `folder`, chained: `previous` in each line is the sha256
 * of the line before. Journals of killed gates are offered too, except for a torn last line, and
 * their heads are signed by this one's key. Nothing of them is kept in memory.
 */
export function openJournal(
  folder: string,
  signer: Signer,
  host: string,
  nowMs: () => number,
): Journal {
  const { incarnation } = signer;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${host}.${incarnation}${suffix}`);
  let sources: Source[] = earlierIn(folder, host);
  const own: Source = { incarnation, path, ended: false, bytes: 0, seq: 0, digest: "" };
  sources.push(own);
  const file = openSync(path, "a", 0o600);
  let offered: { readonly source: Source; readonly lines: readonly string[] } | null = null;
  let previous = "";
  let seq = 0;
  let syncing = false;

  /** One at a time: lines that come meanwhile share the next one. */
  function sync(): void {
    if (syncing) return;
    syncing = true;
    const upTo = seq;
    fdatasync(file, () => {
      syncing = false;
      if (seq > upTo) sync();
    });
  }

  function headOf(source: Source, { lines, isAll }: Lines): LedgerHead {
    const last = lines.at(-1);
    const reached = source.seq + lines.length;
    const isWhole = source === own && reached === seq;
    const head = {
      incarnation: source.incarnation,
      host,
      seq: reached,
      digest: last === undefined ? source.digest : digestOf(last),
      // Of the rest nothing is known but its lines.
      asOf: isWhole ? new Date(nowMs()).toISOString() : null,
      ended: source.ended && isAll,
    };
    return { ...head, signedBy: incarnation, signature: signer.sign(headText(head, incarnation)) };
  }

  function putAway(source: Source): void {
    rmSync(source.path, { force: true });
    sources = sources.filter((other) => other !== source);
  }

  return {
    write(entry) {
      const line = JSON.stringify({ ...entry, previous });
      previous = digestOf(line);
      seq += 1;
      writeSync(file, `${line}\n`);
      sync();
    },
    pending() {
      for (const source of sources) {
        const found = linesAfter(source.path, source.bytes);
        const { lines } = found;
        if (lines.length === 0 && source.ended) putAway(source);
        else {
          offered = { source, lines };
          const { incarnation: of, seq: from } = source;
          return {
            lines: lines.map((line, at) => ({ incarnation: of, host, seq: from + at + 1, line })),
            heads: [headOf(source, found)],
          };
        }
      }
      return { lines: [], heads: [] };
    },
    stored() {
      if (offered === null) return;
      const { source, lines } = offered;
      offered = null;
      source.bytes += lines.reduce((bytes, line) => bytes + Buffer.byteLength(line) + 1, 0);
      source.seq += lines.length;
      source.digest = lines.length === 0 ? source.digest : digestOf(lines.at(-1)!);
      if (source.ended && linesAfter(source.path, source.bytes).lines.length === 0) putAway(source);
    },
    close: () => closeSync(file),
  };
}

/** One end and the other, as the kernel tells connections apart. */
export interface Ports {
  readonly local: number;
  readonly remote: number;
}

/**
 * Every connection in a gate's journal. Closed ones count too, as the kernel may still deliver
 * their queued bytes. null: the journal is not here, or cannot be read.
 */
export function connectionsIn(
  folder: string,
  incarnation: string,
  host: string,
): readonly Ports[] | null {
  try {
    const text = readFileSync(join(folder, `${host}.${incarnation}${suffix}`), "utf8");
    // The last line is empty, or was torn when its gate was killed: then nothing was sent on that connection yet.
    const lines = text.split("\n").slice(0, -1);
    return lines.map((line) => {
      const { localPort, remote } = JSON.parse(line) as JournalEntry;
      return { local: localPort, remote: Number(remote.slice(remote.lastIndexOf(":") + 1)) };
    });
  } catch {
    return null;
  }
}

interface Lines {
  readonly lines: readonly string[];
  /** The file has no more whole lines. */
  readonly isAll: boolean;
}

/** Whole lines from a byte on, as many as one shipment takes. */
function linesAfter(path: string, bytes: number): Lines {
  const file = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(shipmentBytesMax);
    const read = readSync(file, chunk, 0, chunk.length, bytes);
    const end = chunk.subarray(0, read).lastIndexOf(newline);
    const lines = end === -1 ? [] : chunk.toString("utf8", 0, end).split("\n");
    return { lines, isAll: bytes + read >= fstatSync(file).size };
  } finally {
    closeSync(file);
  }
}

function earlierIn(folder: string, host: string): Source[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${host}.`) && name.endsWith(suffix))
    .map((name) => ({
      incarnation: name.slice(host.length + 1, -suffix.length),
      path: join(folder, name),
      ended: true,
      bytes: 0,
      seq: 0,
      digest: "",
    }));
}
