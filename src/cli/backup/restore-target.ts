import { mkdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { Config } from "../../config/config.ts";
import { openHome } from "../../embedded/home.ts";
import { startNats } from "../../embedded/nats.ts";
import { startPostgres } from "../../embedded/postgres.ts";
import { HoldfastError } from "../../errors.ts";
import { namedNodeAccess } from "../node-nats.ts";
import type { Manifest } from "./manifest.ts";
import type { RestoreTarget } from "./restore-backup.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Runs `work` over the servers that the environment names. Those that it does not name are started in the home for the
 * time, without a gate: a home in which something runs is refused. Throws HOME_IN_USE, HOME_UNUSABLE, RESTORE_NO_ROOM,
 * and the errors of the servers.
 */
export async function withRestoreTarget<Result>(
  { databaseUrl, natsUrl, home }: Pick<Config, "databaseUrl" | "natsUrl" | "home">,
  { env, manifest, tell }: { env: Env; manifest: Manifest; tell(line: string): void },
  work: (target: RestoreTarget) => Promise<Result>,
): Promise<Result> {
  const named = natsUrl === null ? null : namedNodeAccess(env, natsUrl);
  if (databaseUrl !== null && named !== null) return work({ databaseUrl, nats: named });
  const held = await openHome(home, { log: tell, now: () => new Date() });
  const stops: (() => Promise<void>)[] = [];
  try {
    if (databaseUrl === null) await refuseNoRoom(held.path, manifest);
    const options = { home: held.path, log: tell, endsWithParent: true };
    if (databaseUrl === null) tell("starting the home's own servers");
    const postgres = databaseUrl === null ? await startPostgres(options) : null;
    if (postgres !== null) stops.push(() => postgres.stop());
    const nats = named === null ? await startNats({ ...options, env }) : null;
    if (nats !== null) stops.push(() => nats.stop());
    return await work({
      databaseUrl: postgres?.url ?? databaseUrl ?? "",
      nats: nats?.access("node") ?? named!,
    });
  } finally {
    for (const stop of stops.toReversed()) await stop();
    held.release();
  }
}

/** A dump grows when it is unpacked, and its indexes are built anew. */
const growth = 4;

async function refuseNoRoom(home: string, { files }: Manifest): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(home);
  const needed = growth * files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (bavail * bsize >= needed) return;
  throw new HoldfastError({
    code: "RESTORE_NO_ROOM",
    message: `${home} has room for ${bavail * bsize} bytes, and the backup needs some ${needed}. Nothing was changed.`,
    next: "Free some disk space, or name another folder in HOLDFAST_HOME.",
  });
}
