import { askSealKey } from "../adapters/crypto/sealed-request.ts";
import { keepSealPin, ownFleet, readSealPin, sealPinFile } from "../embedded/seal-pin.ts";
import { HoldfastError } from "../errors.ts";

type Broker = Parameters<typeof askSealKey>[0];
type Env = Readonly<Record<string, string | undefined>>;

const homeOf = (env: Env): string => env["HOLDFAST_HOME"] ?? ".holdfast";

/** The address without a user's name and password. */
function fleetOf(env: Env): string {
  const named = env["HOLDFAST_NATS_URL"];
  if (named === undefined || named === "") return ownFleet;
  return named.replaceAll(/\/\/[^@/,]*@/g, "//");
}

/**
 * The key to seal to: the one that this home keeps, written by `holdfast start` or seen before; else as the fleet says
 * now, and kept from then on. Throws as `askSealKey` does.
 */
export async function fleetKey(nats: Broker, env: Env, timeoutMs: number): Promise<string> {
  const kept = readSealPin(homeOf(env), fleetOf(env));
  if (kept !== null) return kept;
  const told = await askSealKey(nats, timeoutMs);
  keepSealPin(homeOf(env), fleetOf(env), told);
  return told;
}

/** After a node could not open a request: SEAL_CHANGED where the fleet tells another key than the kept one. */
export async function changedKey(
  nats: Broker,
  env: Env,
  { kept, timeoutMs }: { kept: string; timeoutMs: number },
): Promise<HoldfastError | null> {
  const told = await askSealKey(nats, timeoutMs);
  if (told === kept) return null;
  const file = sealPinFile(homeOf(env));
  return new HoldfastError({
    code: "SEAL_CHANGED",
    message: `The fleet tells another sealing key than the one kept in ${file}: its database was made anew, or another program answers in its place. No node has opened the request.`,
    next: `Only if you know that the database was made anew: rm ${file}, and try again.`,
  });
}
