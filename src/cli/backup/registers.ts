import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { copyRegister } from "../../adapters/nats/register-copy.ts";
import { fleetIdKey } from "../../custody/registers.ts";
import type { KeptFloor } from "../../custody/restored-floors.ts";
import { HoldfastError } from "../../errors.ts";
import { registersName, writeDurably } from "./manifest.ts";

/** The registers that say what a database must not forget. */
const buckets = ["HOLDFAST_FLOORS", "HOLDFAST_HOSTS", "HOLDFAST_FLEET"] as const;

const entry = z.object({
  key: z.string().min(1).max(200),
  value: z.unknown(),
  atMs: z.number(),
});
const registersShape = z.record(z.enum(buckets), z.array(entry).nullable());

const floor = z.object({
  key: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}\.\d{1,9}$/),
  value: z.object({
    epoch: z
      .int()
      .min(0)
      .max(2 ** 52),
    incarnation: z.string().min(1).max(200),
    host: z.string().min(1).max(63),
  }),
});

/** Writes the registers as JSON; answers how many values there were. Throws REGISTER_CLOSED. */
export async function writeRegisters(nats: NatsConnection, folder: string): Promise<number> {
  const copies = await Promise.all(
    buckets.map(async (bucket) => [bucket, await copyRegister(nats, bucket)] as const),
  );
  await writeDurably(
    join(folder, registersName),
    `${JSON.stringify(Object.fromEntries(copies), null, 1)}\n`,
  );
  return copies.reduce((sum, [, entries]) => sum + (entries?.length ?? 0), 0);
}

/** The floors of a backup whose hashes were compared. Throws BACKUP_DAMAGED for values that are no floors. */
export async function readFloors(folder: string): Promise<readonly KeptFloor[]> {
  const file = join(folder, registersName);
  try {
    const { HOLDFAST_FLOORS: floors } = registersShape.parse(
      JSON.parse(await readFile(file, "utf8")),
    );
    return (floors ?? []).map((one) => {
      const { key, value } = floor.parse(one);
      return { key, ...value };
    });
  } catch (cause) {
    throw new HoldfastError({
      code: "BACKUP_DAMAGED",
      message: `${file} does not hold the registers of a fleet. Nothing was changed.`,
      next: "Name the folder of a whole backup: npx holdfast restore <folder>",
      cause,
    });
  }
}

/** The fleet that a NATS belongs to; null: it knows none. */
export async function fleetIdIn(nats: NatsConnection): Promise<string | null> {
  const entries = (await copyRegister(nats, "HOLDFAST_FLEET")) ?? [];
  const found = entries.find(({ key }) => key === fleetIdKey);
  if (found === undefined) return null;
  const { id } = (found.value ?? {}) as { readonly id?: unknown };
  return typeof id === "string" ? id : "";
}
