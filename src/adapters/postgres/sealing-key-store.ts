import type { SealKey } from "../crypto/curve-seal.ts";
import type { Sealer } from "../crypto/sealing.ts";
import type { Database } from "./database.ts";

/** The binding of the stored seed. */
export const sealingSeedPurpose = "the sealing key of the fleet";

/**
 * The key that requests to this fleet are sealed to. The first node makes it; of several at once one wins, and all get
 * the same. Throws MASTER_KEY_WRONG.
 */
export async function fleetSealKey(
  database: Database,
  sealer: Sealer,
  createSealKey: (seed?: string) => SealKey,
): Promise<SealKey> {
  const stored = async () => {
    const [row] = await database.query<{ seed: Buffer }>("select seed from sealing_keys");
    if (row === undefined) return null;
    return createSealKey(sealer.open(row.seed, sealingSeedPurpose).toString());
  };
  const known = await stored();
  if (known !== null) return known;
  const made = createSealKey();
  await database.query(
    "insert into sealing_keys (public_key, seed) values ($1, $2) on conflict do nothing",
    [made.publicKey, sealer.seal(Buffer.from(made.seed), sealingSeedPurpose)],
  );
  return (await stored()) ?? made;
}

/** The public half; null before the first node has made it. */
export async function publicSealKey(database: Database): Promise<string | null> {
  const [row] = await database.query<{ public_key: string }>("select public_key from sealing_keys");
  return row?.public_key ?? null;
}
