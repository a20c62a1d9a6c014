import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";
import { type Typist, typistOf } from "../fixtures/typed-commands.ts";

interface Told {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly verdict: string }[];
}
interface Status {
  readonly accounts: readonly {
    readonly name: string;
    readonly state: string;
    readonly epoch: number;
  }[];
}

const start = (home: string, isNew: boolean): Promise<Running> =>
  startEmbedded({
    env: { ...process.env, HOLDFAST_HOME: home },
    log: () => {},
    ...(isNew && { provision: provisionExampleAccounts }),
  });

const statusOf = async (person: Typist): Promise<Status["accounts"]> =>
  (JSON.parse((await person.type(["status", "--json"])).out) as Status).accounts;

const illIn = (out: string): readonly string[] =>
  (JSON.parse(out) as Told).checks.filter(({ verdict }) => verdict !== "ok").map((one) => one.name);

let running: Running | null = null;
afterAll(() => running?.stop(), 60_000);

describe("a service that is lost with its machine", () => {
  it("serves every account again from its backup, above every epoch that was used", async () => {
    const home = temporaryHome();
    const [backup, safe] = [join(temporaryHome(), "monday"), join(temporaryHome(), "key")];
    running = await start(home, true);
    const person = typistOf(home);
    const before = await statusOf(person);
    expect(before.map(({ state }) => state)).toEqual(["active", "active"]);

    const first = await person.type(["doctor", "--json"]);
    expect({ code: first.code, ill: illIn(first.out) }).toEqual({ code: 1, ill: ["backup"] });
    expect(await person.type(["verify"])).toMatchObject({ code: 0 });
    const made = await person.type(["backup", backup, "--with-key", safe]);
    expect(made).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^2 accounts, \d+ registers/),
    });
    const second = await person.type(["doctor", "--json"]);
    expect({ code: second.code, ill: illIn(second.out) }).toEqual({ code: 0, ill: [] });

    const whileItRuns = await person.type(["restore", backup, "--yes"]);
    expect(whileItRuns).toMatchObject({ code: 1, err: expect.stringContaining("already runs in") });
    await running.stop();

    const other = temporaryHome();
    const heir = typistOf(other);
    const unsure = await heir.type(["restore", backup, "--with-key", safe]);
    expect(unsure).toMatchObject({ code: 1, err: expect.stringContaining("was not restored") });
    expect(existsSync(join(other, "postgres"))).toBe(false);
    const restored = await heir.type(["restore", backup, "--with-key", safe, "--yes"]);
    expect(restored).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^2 accounts are as they were at .*\n2 floors were raised/),
    });
    expect(readFileSync(join(other, "master.key"))).toEqual(readFileSync(join(home, "master.key")));
    const twice = await heir.type(["restore", backup, "--yes"]);
    expect(twice).toMatchObject({ code: 1, err: expect.stringContaining("is not empty") });

    // Telegram itself would still be there: its stand-in lay on the machine that was lost.
    copyFileSync(join(home, "telegram-dc.json"), join(other, "telegram-dc.json"));
    await expect(start(other, false)).rejects.toMatchObject({ code: "HOME_COPIED" });
    const adopted = await heir.type(["adopt-fleet", "--the-other-is-stopped"]);
    expect(adopted).toMatchObject({ code: 0 });
    running = await start(other, false);
    // The floors' holder is given T_take to end, as it may still be connected.
    const states = async () => (await statusOf(heir)).map(({ name, state }) => [name, state]);
    await expect.poll(states, { timeout: 60_000, interval: 500 }).toEqual([
      ["site-bot", "active"],
      ["site-desk", "active"],
    ]);
    const after = await statusOf(heir);
    for (const { name, epoch } of before)
      expect(after.find((one) => one.name === name)?.epoch).toBeGreaterThan(epoch + 1_000_000);
    expect(await heir.type(["verify"])).toMatchObject({ code: 0 });
  }, 180_000);
});
