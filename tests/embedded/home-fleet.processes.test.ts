import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { startEmbedded } from "../../src/embedded/launcher.ts";
import { ownerUrlOf } from "../../src/embedded/postgres.ts";
import { packageFile } from "../../src/files.ts";
import { stubGate } from "../fixtures/embedded/programs.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const { PATH, HOME } = process.env;

/** Starts the servers of a home, lets `look` see its database as the owner, and stops them. */
async function runOnce(
  home: string,
  look: (query: (text: string) => Promise<unknown[]>) => Promise<void> = async () => {},
) {
  const env = { PATH, HOME };
  const running = await startEmbedded({ env, home, log: () => {}, gateProgram: stubGate });
  const database = openDatabase(ownerUrlOf(running.run().database), { poolMax: 1 });
  try {
    await look((text) => database.query(text));
  } finally {
    await database.close();
    await running.stop();
  }
}

const holdfast = (home: string, ...args: string[]) =>
  spawnSync(process.execPath, [packageFile("bin/holdfast.js"), ...args], {
    env: { PATH, HOME, HOLDFAST_HOME: home },
    encoding: "utf8",
  });

const giveKeys = async (query: (text: string) => Promise<unknown[]>): Promise<void> => {
  await query("insert into accounts (name, kind, credentials) values ('a', 'bot', '')");
  await query(
    "insert into authorisations (account, slot, state, session) values ('a', 1, 'SERVING', 'x')",
  );
};

const fleetOf = (home: string): string =>
  (JSON.parse(readFileSync(join(home, "fleet.json"), "utf8")) as { fleet: string }).fleet;

describe("a home", () => {
  it("is refused as a copy beside its original, and is a fleet of its own once it was adopted (I1)", async () => {
    const [home, elsewhere] = [temporaryHome(), temporaryHome()];
    const copy = join(elsewhere, "copy");
    await runOnce(home, giveKeys);
    spawnSync("cp", ["-a", home, copy]);
    await expect(runOnce(copy)).rejects.toMatchObject({
      code: "HOME_COPIED",
      message: expect.stringContaining(home),
      next: expect.stringContaining("accounts are logged out"),
    });
    await runOnce(home);
    expect(holdfast(copy, "adopt-fleet")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Telegram ends them"),
    });
    await expect(runOnce(copy)).rejects.toMatchObject({ code: "HOME_COPIED" });
    expect(holdfast(copy, "adopt-fleet", "--the-other-is-stopped")).toMatchObject({ status: 0 });
    await runOnce(copy);
    expect(fleetOf(copy)).not.toBe(fleetOf(home));
  }, 120_000);

  it("of an older version gets its id at the next start, and keeps it", async () => {
    const home = temporaryHome();
    await runOnce(home, async (query) => {
      await giveKeys(query);
      await query("delete from fleet");
    });
    rmSync(join(home, "fleet.json"));
    await runOnce(home);
    const id = fleetOf(home);
    await runOnce(home, async (query) => {
      expect(await query("select id from fleet")).toEqual([{ id }]);
    });
  }, 120_000);

  it("is refused with the database of another home in it", async () => {
    const [home, other] = [temporaryHome(), temporaryHome()];
    await runOnce(other, giveKeys);
    await runOnce(home);
    rmSync(join(home, "postgres"), { recursive: true });
    spawnSync("cp", ["-a", join(other, "postgres"), join(home, "postgres")]);
    await expect(runOnce(home)).rejects.toMatchObject({ code: "FLEET_MISMATCH" });
    rmSync(join(home, "fleet.json"));
    await expect(runOnce(home)).rejects.toMatchObject({ code: "HOME_COPIED" });
  }, 120_000);
});
