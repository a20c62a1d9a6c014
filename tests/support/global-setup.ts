import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startNats } from "../../src/embedded/nats.ts";
import { startPostgres } from "../../src/embedded/postgres.ts";
import {
  isProcessIdentity,
  isRunning,
  ownIdentity,
} from "../../src/adapters/machine/process-identity.ts";
import { reap } from "../../src/embedded/process-records.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The database server of this run; `createTestDatabase` makes databases in it. */
    databaseServerUrl: string;
    /** The NATS server of this run, with JetStream. Name streams and buckets so that files do not meet. */
    natsUrl: string;
  }
}

const prefix = "holdfast-tests-";

/** Removes the remains of a killed run. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const home = join(tmpdir(), name);
    try {
      const owner: unknown = JSON.parse(readFileSync(join(home, "owner.json"), "utf8"));
      if (!isProcessIdentity(owner) || isRunning(owner)) continue;
    } catch {
      continue;
    }
    await reap(home, () => {});
    rmSync(home, { recursive: true, force: true });
  }
}

/** One PostgreSQL and one nats-server for the whole run, in a temporary folder that goes with them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await sweep();
  const home = mkdtempSync(join(tmpdir(), prefix));
  writeFileSync(join(home, "owner.json"), JSON.stringify(ownIdentity()));
  const options = { home, log: () => {}, endsWithParent: true };
  const settings = { fsync: "off", max_connections: "300" };
  const started = await Promise.allSettled([
    startPostgres({ ...options, settings }),
    startNats({ ...options, syncAlways: false }),
  ]);
  const endAtOnce = () => {
    for (const part of started)
      if (part.status === "fulfilled") part.value.process.child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  };
  // An interrupted run skips the teardown.
  process.once("exit", endAtOnce);
  const stop = async () => {
    for (const part of started) if (part.status === "fulfilled") await part.value.stop();
    rmSync(home, { recursive: true, force: true });
    process.off("exit", endAtOnce);
  };
  const [postgres, nats] = started;
  if (postgres.status === "rejected" || nats.status === "rejected") {
    await stop();
    const failed = started.find((part) => part.status === "rejected");
    throw failed?.reason;
  }
  project.provide("databaseServerUrl", postgres.value.url);
  project.provide("natsUrl", nats.value.url);
  return stop;
}
