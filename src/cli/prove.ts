import { createHash } from "node:crypto";
import { createSignatures } from "../adapters/crypto/incarnation-key.ts";
import { createLedgerStore } from "../adapters/postgres/ledger-store.ts";
import { openDatabase } from "../adapters/postgres/database.ts";
import { type CustodyInterval, type Proof, prove } from "../custody/ledger-proof.ts";
import { readerUrlOf } from "../embedded/postgres.ts";
import { databaseUrlOf } from "./ask.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Verifies the fleet's ledger. Throws NOT_RUNNING, DATABASE_UNAVAILABLE. */
export async function readProof(
  env: Readonly<Record<string, string | undefined>>,
  of: { readonly account?: string; readonly fromMs: number },
): Promise<Proof> {
  const url = await databaseUrlOf(env);
  const database = openDatabase(env["HOLDFAST_DATABASE_URL"] ? url : readerUrlOf(url));
  try {
    const store = createLedgerStore(database);
    const { lines, heads } = await store.read(of.fromMs);
    const named = [
      ...lines.map(({ incarnation }) => incarnation),
      ...heads.flatMap(({ signedBy }) => signedBy ?? []),
    ];
    const ends = await store.ends([...new Set(named)]);
    const proof = prove(
      lines,
      heads,
      digest,
      (id) => ends.get(id) ?? { live: false, endedMs: null },
      createSignatures(),
    );
    const isWanted = ({ account, closedMs }: CustodyInterval) =>
      (of.account === undefined || account === of.account) &&
      (closedMs === null || closedMs >= of.fromMs);
    return {
      breaks: proof.breaks,
      unsigned: proof.unsigned,
      intervals: proof.intervals.filter(isWanted),
      overlaps: proof.overlaps.filter((pair) => pair.some(isWanted)),
      asleep: proof.asleep.filter((pair) => pair.some(isWanted)),
      undecided: proof.undecided.filter((pair) => pair.some(isWanted)),
    };
  } finally {
    await database.close();
  }
}

/** A line for each interval, then the faults, then the verdict. */
export function proofText(
  { intervals, breaks, unsigned, overlaps, asleep, undecided }: Proof,
  isSummary: boolean,
): string {
  const moment = (ms: number | null) => (ms === null ? "…" : new Date(ms).toISOString());
  const name = ({ account, slot, epoch, host }: CustodyInterval) =>
    `${account} slot ${slot} epoch ${epoch} on ${host}`;
  return [
    ...(isSummary ? [] : intervals).map(
      (one) =>
        `${moment(one.openedMs)}  ${moment(one.closedMs).padEnd(24)}  ${one.known.padEnd(13)}  ${name(one)}`,
    ),
    ...breaks.map((what) => `broken: ${what}`),
    ...overlaps.map(
      ([a, b]) =>
        `overlap: ${name(b)} was opened at ${moment(b.openedMs)}, while ${name(a)} was open`,
    ),
    ...asleep.map(
      ([a, b]) =>
        `asleep: ${name(b)} was opened at ${moment(b.openedMs)}, while the gate of ${name(a)} slept, from ${moment(a.knownToMs)} to ${moment(a.closedMs)}: it wrote nothing to that connection, and whether Telegram had closed it by then nobody saw`,
    ),
    ...undecided.map(
      ([a, b]) =>
        `undecided: ${name(b)} was opened at ${moment(b.openedMs)}; what ${a.host} wrote of ${name(a)} is in the ledger until ${moment(a.knownToMs)} only: start that host, or say it again in a few seconds`,
    ),
    `${intervals.length} connections, ${breaks.length} broken links, ${overlaps.length} overlaps, ${asleep.length} asleep, ${undecided.length} undecided${unsigned.length === 0 ? "" : `, ${unsigned.length} journals unsigned, as earlier versions left them`}`,
  ].join("\n");
}
