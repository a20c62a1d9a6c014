import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../src/files.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";

let service: AttackedService;
beforeAll(async () => {
  service = await attackedService();
}, 120_000);
afterAll(() => service.stop(), 60_000);

const add = (name: string, ...more: string[]) =>
  service.holdfast("caller", "add", name, "--role", "read", "--accounts", "all", ...more);

interface Told {
  readonly accounts: readonly { readonly name: string; readonly slot: number }[];
}
async function slots(): Promise<Readonly<Record<string, number>>> {
  const { accounts } = JSON.parse((await service.holdfast("status", "--json")).out) as Told;
  return Object.fromEntries(accounts.map(({ name, slot }) => [name, slot]));
}

describe("holdfast caller", () => {
  it("makes credentials that their owner alone can read, lists them, and revokes them", async () => {
    const { code, out } = await add("ci", "--days", "30");
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^ci: read, all accounts, until 20/),
    });
    const file = join(service.home, "ci.creds");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toContain("BEGIN NATS USER JWT");
    expect((await service.holdfast("caller", "list")).out).toMatch(/^ci: read, .* U[A-Z2-7]{55}$/m);
    expect((await service.holdfast("caller", "revoke", "ci")).out).toBe(
      "ci: revoked; every node refuses it, and NATS has cut it\n",
    );
    expect((await service.holdfast("caller", "list")).out).toMatch(/^ci: revoked at /m);
  });

  it("lets them ask each node what it has counted, and nothing else that every node answers", async () => {
    await add("looker");
    const text = readFileSync(join(service.home, "looker.creds"), "utf8");
    const [, claims = ""] = /-----BEGIN NATS USER JWT-----\s+(\S+)/.exec(text)![1]!.split(".");
    const { nats } = JSON.parse(Buffer.from(claims, "base64url").toString()) as {
      nats: { pub: { allow: string[] } };
    };
    expect(nats.pub.allow.filter((subject) => subject.startsWith("holdfast.nodes"))).toEqual([
      "holdfast.nodes.metrics",
    ]);
  });

  it.each([
    [
      ["caller", "add", "x", "--role", "owner", "--accounts", "all"],
      /no role "owner" for a caller/,
    ],
    [["caller", "add", "x", "--role", "read", "--accounts", "nobody"], /no account "nobody"/],
    [["caller", "add", "x", "--role", "read", "--accounts", "*"], /no names of accounts/],
    [["caller", "add", "X!", "--role", "read", "--accounts", "all"], /no name for a caller/],
    [["caller", "add", "operator", "--role", "read", "--accounts", "all"], /no name for a caller/],
    [
      ["caller", "add", "x", "--role", "read", "--accounts", "all", "--days", "0"],
      /hold for 1 to 3650 whole days/,
    ],
    [
      ["caller", "add", "x", "--role", "read", "--accounts", "all", "--days", "soon"],
      /no number of days/,
    ],
    [
      ["caller", "add", "x", "--role", "read", "--accounts", "all", "--keys", "elsewhere"],
      /does not hold the keys that make credentials/,
    ],
    [
      ["caller", "add", "x", "--role", "read", "--accounts", "all", "--key", "SUABC"],
      /no public key of a NATS user/,
    ],
    [["caller", "revoke", "nobody"], /No caller "nobody" has credentials/],
    [["audit", "--since", "yesterday"], /is no time/],
    [["renew"], /Which account is to be renewed was not said/],
    [["renew", "--all"], /needs --because/],
    [["renew", "site-bot", "--all", "--because", "x"], /--all takes no account/],
  ])("refuses in one line, and leaves nothing: %j", async (args, why) => {
    const { code, out, err } = await service.holdfast(...args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(why);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(existsSync(join(service.home, `${args[2]}.creds`))).toBe(false);
  });

  it("gives a name that is taken to no other, and takes its file away again", async () => {
    await add("shop");
    const file = join(service.home, "shop.creds");
    const kept = readFileSync(file, "utf8");
    expect((await add("shop")).err).toContain("is there already");
    expect(readFileSync(file, "utf8")).toBe(kept);
    const key = /U[A-Z2-7]{55}/.exec((await service.holdfast("caller", "list")).out)![0];
    expect((await add("other", "--key", key)).err).toContain('There is a caller "other" already');
  });
});

describe("holdfast renew --all", () => {
  const renewAll = () => service.holdfast("renew", "--all", "--because", "compromised");

  it("moves every account to a fresh key, and takes up what is left when it is said again", async () => {
    const before = await slots();
    expect(await service.holdfast("stop", "site-desk")).toMatchObject({ code: 0 });
    const first = await renewAll();
    expect(first.code).toBe(1);
    expect(first.out).toMatch(/^campaign \S+ is begun: 1 of 2 accounts are due$/m);
    expect(first.out).toContain("1 renewed, 0 failed, 1 stopped, 0 without a session\n");
    expect(first.out).toContain("start it: npx holdfast resume site-desk\n");
    await service.holdfast("resume", "site-desk");
    await expect
      .poll(async () => (await service.holdfast("test", "site-desk")).code, { timeout: 20_000 })
      .toBe(0);
    const second = await renewAll();
    expect(second).toMatchObject({ code: 0, err: "" });
    expect(second.out).toMatch(/^campaign \S+ is taken up again: 1 of 2 accounts are due$/m);
    expect(second.out).toContain("1 were renewed since it began, and are left alone\n");
    expect(second.out).toContain("2 renewed, 0 failed, 0 stopped, 0 without a session\n");
    expect(await slots()).toEqual({
      "site-bot": before["site-bot"]! + 1,
      "site-desk": before["site-desk"]! + 1,
    });
  }, 90_000);

  it("goes on where it was killed, and renews nothing twice", async () => {
    const before = await slots();
    const args = [packageFile("bin/holdfast.js"), "renew", "--all", "--because", "compromised"];
    const env = { ...process.env, HOLDFAST_HOME: service.home };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface(child.stdout)) {
      if (line.includes(": 1/7 ")) break;
    }
    child.kill("SIGKILL");
    const again = await renewAll();
    expect(again.out).toMatch(/^campaign \S+ is taken up again: /m);
    expect(again).toMatchObject({ code: 0, err: "" });
    expect(await slots()).toEqual({
      "site-bot": before["site-bot"]! + 1,
      "site-desk": before["site-desk"]! + 1,
    });
  }, 90_000);
});

describe("holdfast audit", () => {
  it("tells who asked for what, and what came of it", async () => {
    const { code, out } = await service.holdfast("audit", "--account", "site-bot", "--verify");
    expect(code).toBe(0);
    expect(out).toMatch(/operator \(owner\) +account\.renew +site-bot +done /);
    expect(out).toMatch(/\d+ calls, 0 broken links\n$/);
    const all = (await service.holdfast("audit", "--json")).out;
    expect(all).toContain('"verb":"fleet.caller-add"');
    expect(all).toContain('"outcome":"CALLER_EXISTS"');
  });
});
