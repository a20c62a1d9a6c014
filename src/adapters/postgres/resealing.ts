import type { Sealer } from "../crypto/sealing.ts";
import { secretPurposes } from "./account-secrets.ts";
import type { Database, Queries } from "./database.ts";
import { sealingSeedPurpose } from "./sealing-key-store.ts";
import { sessionPurpose } from "./slot-store.ts";

/** Every encrypted column, with the name of its row and the binding of its text. */
const places = [
  ...(["credentials", "password", "proxy"] as const).map((column) => ({
    table: "accounts",
    column,
    account: "name",
    slot: "0",
    purpose: ({ account }: Row) => secretPurposes[column](account),
  })),
  {
    table: "authorisations",
    column: "session",
    account: "account",
    slot: "slot",
    purpose: sessionPurpose,
  },
  {
    table: "sealing_keys",
    column: "seed",
    account: "public_key",
    slot: "0",
    purpose: () => sealingSeedPurpose,
  },
] as const;

interface Row {
  readonly account: string;
  readonly slot: number;
  readonly sealed: Buffer;
}

/** The fingerprint stands behind the version, 8 bytes. */
const fingerprint = (column: string) => `encode(substring(${column} from 2 for 8), 'hex')`;

/** Fingerprints of the master keys that anything is encrypted under. */
export async function storedFingerprints(database: Queries): Promise<readonly string[]> {
  const found = await database.query<{ fingerprint: string }>(
    places
      .map(
        ({ table, column }) =>
          `select ${fingerprint(column)} as fingerprint from ${table} where ${column} is not null`,
      )
      .join(" union "),
  );
  return found.map((row) => row.fingerprint).toSorted();
}

/** Moves the stored secrets from one master key to the next, while others read and write them. */
export interface Resealing {
  /** Fingerprints of the master keys that anything is encrypted under. */
  fingerprints(): Promise<readonly string[]>;
  /** Encrypts up to `limit` texts of each kind anew under the key that seals now; answers how many there were. */
  some(limit: number): Promise<number>;
}

export function createResealing(database: Database, sealer: Sealer): Resealing {
  return {
    fingerprints: () => storedFingerprints(database),
    async some(limit) {
      let resealed = 0;
      for (const { table, column, account, slot, purpose } of places) {
        const rows = await database.query<Row>(
          `select ${account} as account, ${slot} as slot, ${column} as sealed from ${table}
           where ${column} is not null and ${fingerprint(column)} <> $1 limit $2`,
          [sealer.ring.sealing.fingerprint, limit],
        );
        const texts = rows.map((row) =>
          sealer.seal(sealer.open(row.sealed, purpose(row)), purpose(row)),
        );
        // A row written meanwhile is left alone: it is new already, or found again.
        await database.query(
          `update ${table} as kept set ${column} = given.text
           from unnest($1::text[], $2::int[], $3::bytea[], $4::bytea[]) as given (account, slot, old, text)
           where kept.${account} = given.account and ${slot === "0" ? "true" : "kept.slot = given.slot"}
             and kept.${column} = given.old`,
          [
            rows.map((row) => row.account),
            rows.map((row) => row.slot),
            rows.map((row) => row.sealed),
            texts,
          ],
        );
        resealed += rows.length;
      }
      return resealed;
    },
  };
}
