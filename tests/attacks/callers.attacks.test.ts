import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BrokerUser, issueUser } from "../../src/adapters/nats/broker-keys.ts";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { type VerbOf, verbRoles } from "../../src/commands/verb-roles.ts";
import { inBatches } from "../../src/concurrency/in-batches.ts";
import { identityOfCreds } from "../../src/config/nats-access.ts";
import { readBrokerKeys } from "../../src/embedded/nats-keys.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";
import { hostileBodies, hostileObjects } from "../fixtures/hostile-bodies.ts";

interface Answer {
  readonly ok: boolean;
  readonly code?: string;
  readonly [field: string]: unknown;
}

let service: AttackedService;
const open: NatsConnection[] = [];

beforeAll(async () => {
  service = await attackedService();
}, 120_000);

afterAll(async () => {
  for (const nats of open) await nats.close();
  await service.stop();
}, 60_000);

async function connectAs(file: string): Promise<NatsConnection> {
  const access = { ...identityOfCreds(file), url: service.running.run().nats };
  const nats = await connectNats(access, "attack", { comesBack: false });
  open.push(nats);
  return nats;
}

const addCaller = (name: string, role: string, accounts: string, ...more: string[]) =>
  service.holdfast("caller", "add", name, "--role", role, "--accounts", accounts, ...more);

/** Adds a caller as the operator does, and connects as it. */
async function caller(name: string, role: string, accounts: string): Promise<NatsConnection> {
  const added = await addCaller(name, role, accounts);
  expect(added).toMatchObject({ code: 0, err: "" });
  return connectAs(join(service.home, `${name}.creds`));
}

/** Credentials with which the broker lets everything through, as if its own permissions were not there. */
async function unhindered(name: string): Promise<{ readonly key: string; readonly file: string }> {
  const user: BrokerUser = {
    name,
    account: "CALLERS",
    publish: [">"],
    subscribe: [">"],
    inboxPrefix: `_INBOX.caller.${name}`,
  };
  const { publicKey, creds } = await issueUser(readBrokerKeys(join(service.home, "nats"))!, user);
  const file = join(service.home, `${name}-unhindered.creds`);
  writeFileSync(file, creds, { mode: 0o600 });
  return { key: publicKey, file };
}

async function ask(
  nats: NatsConnection,
  subject: string,
  body: string | Uint8Array = "{}",
  sent?: MsgHdrs,
): Promise<Answer> {
  const options = { timeout: 20_000, ...(sent === undefined ? {} : { headers: sent }) };
  return (await nats.request(subject, body, options)).json<Answer>();
}

const bot = (verb: string) => `holdfast.account.site-bot.${verb}`;

describe("a caller with too little", () => {
  it("gets what its role allows, and is told which role the rest needs", async () => {
    const reader = await caller("reader", "read", "all");
    expect(statSync(join(service.home, "reader.creds")).mode & 0o777).toBe(0o600);
    expect(await ask(reader, bot("status"))).toMatchObject({ ok: true });
    expect(await ask(reader, "holdfast.status")).toMatchObject({ ok: true });
    for (const [verb, role] of [
      ["send", "send"],
      ["renew", "operate"],
      ["stop", "operate"],
      ["logout", "owner"],
    ] as const) {
      expect(await ask(reader, bot(verb))).toMatchObject({
        code: "ROLE_MISSING",
        message: expect.stringContaining(`needs "${role}"`),
      });
    }
    expect(await ask(reader, "holdfast.fleet.caller-add")).toMatchObject({ code: "ROLE_MISSING" });
  });

  it("stays who it is, whoever it says that it is", async () => {
    const { out } = await service.holdfast("audit", "--json", "--since", "10m");
    const { calls } = JSON.parse(out) as {
      readonly calls: readonly { by: { key: string; name: string } }[];
    };
    const operator = calls.find(({ by }) => by.name === "operator")!.by.key;
    const forged = headers();
    forged.set("Nats-Request-Info", JSON.stringify({ acc: "HOLDFAST", user: operator }));
    const reader = await connectAs(join(service.home, "reader.creds"));
    expect(await ask(reader, bot("logout"), "{}", forged)).toMatchObject({
      code: "ROLE_MISSING",
      message: expect.stringContaining("reader has the role"),
    });
  });

  it("names no account of another's, even where the broker lets it", async () => {
    const { key, file } = await unhindered("neighbour");
    const added = await addCaller("neighbour", "operate", "site-desk", "--key", key);
    expect(added).toMatchObject({ code: 0, err: "" });
    const nats = await connectAs(file);
    const refused = { code: "ACCOUNT_NOT_YOURS" };
    for (const verb of ["status", "send", "history", "stop", "renew", "proxy", "add"]) {
      expect(await ask(nats, bot(verb))).toMatchObject(refused);
    }
    const other = JSON.stringify({ account: "site-bot" });
    for (const verb of ["who", "force", "driver", "conversations"]) {
      expect(await ask(nats, `holdfast.fleet.${verb}`, other)).toMatchObject(refused);
    }
    const status = await ask(nats, "holdfast.status");
    expect(status["accounts"]).toMatchObject([{ name: "site-desk" }]);
    const who = await ask(nats, "holdfast.fleet.who");
    expect(who["holders"]).toMatchObject([{ account: "site-desk" }]);
  });

  it("does not even reach another's account where its credentials were made here", async () => {
    const nats = await caller("desk-only", "operate", "site-desk");
    expect(await ask(nats, "holdfast.account.site-desk.status")).toMatchObject({ ok: true });
    await expect(ask(nats, bot("status"))).rejects.toThrow(/[Pp]ermission/);
  });

  it("is nobody while the fleet does not know its key", async () => {
    const nats = await connectAs((await unhindered("unknown")).file);
    for (const subject of [
      bot("status"),
      bot("stop"),
      "holdfast.fleet.who",
      "holdfast.nodes.keys",
    ]) {
      expect(await ask(nats, subject)).toMatchObject({ code: "CALLER_UNKNOWN" });
    }
  });
});

describe("a revoked caller", () => {
  it("is cut at once, and not let in again", async () => {
    const nats = await caller("leaver", "operate", "all");
    expect(await ask(nats, bot("status"))).toMatchObject({ ok: true });
    const closed = nats.closed();
    expect(await service.holdfast("caller", "revoke", "leaver")).toMatchObject({ code: 0 });
    await closed;
    await expect(connectAs(join(service.home, "leaver.creds"))).rejects.toMatchObject({
      code: expect.stringMatching(/^NATS_/),
    });
  });

  it("is refused by every node, even where the broker lets it in", async () => {
    const { key, file } = await unhindered("held-open");
    await addCaller("held-open", "operate", "all", "--key", key);
    const nats = await connectAs(file);
    expect(await ask(nats, bot("status"))).toMatchObject({ ok: true });
    const elsewhere = ["--keys", join(service.home, "no-keys-here")];
    const { out } = await service.holdfast("caller", "revoke", "held-open", ...elsewhere);
    expect(out).toContain("NATS itself still lets it in");
    expect(await ask(nats, bot("status"))).toMatchObject({ code: "CALLER_REVOKED" });
  });
});

describe("hostile bodies", () => {
  const subjects = (Object.keys(verbRoles) as VerbOf[])
    .flatMap((of) =>
      [...Object.keys(verbRoles[of]), "constructor", "__proto__", "toString"].map((verb) =>
        of === "account" ? bot(verb) : `holdfast.${of}.${verb}`,
      ),
    )
    .concat("holdfast.status");
  /** They take no field that could be wrong: any object makes them act. */
  const acting = /\.(?:stop|drain|logout|pause|resume|login|renew|campaign)$/;

  it("are each answered, on each subject, and end no process", async () => {
    const operator = await connectAs(service.running.run().natsCreds!);
    const before = service.running.run().pids;
    const asked = subjects.flatMap((subject) =>
      [...hostileBodies, ...(acting.test(subject) ? [] : hostileObjects)].map((body) => ({
        subject,
        body,
      })),
    );
    expect(hostileBodies.length + hostileObjects.length).toBeGreaterThanOrEqual(200);
    const wrong: string[] = [];
    await inBatches(asked, 100, async ({ subject, body }) => {
      const answer = await ask(operator, subject, body).catch((error: Error) => error);
      const fault = answer instanceof Error ? answer.message : "no answer of a node";
      const isAnswered = !(answer instanceof Error) && typeof answer.ok === "boolean";
      if (!isAnswered) wrong.push(`${subject} ${String(body).slice(0, 60)}: ${fault}`);
    });
    expect(wrong).toEqual([]);
    expect(service.running.run().pids).toEqual(before);
    expect(await ask(operator, bot("status"))).toMatchObject({ ok: true });
    for (const of of ["fleet", "nodes"]) {
      for (const verb of ["constructor", "__proto__", "toString"]) {
        expect(await ask(operator, `holdfast.${of}.${verb}`, '{"a":1}')).toMatchObject({
          code: "COMMAND_UNKNOWN",
        });
      }
    }
  }, 60_000);

  it("are in the record, whose chains hold", async () => {
    const { code, out } = await service.holdfast("audit", "--verify", "--by", "operator");
    expect(out.split("\n").at(-2)).toMatch(/^\d{3,} calls, 0 broken links$/);
    expect(code).toBe(0);
  });
});
