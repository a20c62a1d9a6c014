import { describe, expect, it } from "vitest";
import { type Asked, createDoor, type DoorOptions } from "../../src/commands/door.ts";
import { type VerbOf, verbRoles } from "../../src/commands/verb-roles.ts";
import type { AuditEntry } from "../../src/ports/callers/audit-trail.ts";
import type { CallerRecord, CallerRole } from "../../src/ports/callers/caller-store.ts";
import { includesRole, type Role, roles } from "../../src/ports/speaker.ts";
import { deferred } from "../fixtures/deferred.ts";

const nowMs = Date.parse("2026-11-28T12:00:00Z");

const callerOf = (role: CallerRole, more: Partial<CallerRecord> = {}): CallerRecord => ({
  name: "ci",
  key: "UCI",
  role,
  accounts: "all",
  addedAt: "2026-11-01T00:00:00.000Z",
  expiresAt: null,
  revokedAt: null,
  ...more,
});

/** A door with one caller, UCI, and one operator, UOPERATOR. */
function doorWith(caller: CallerRecord | null, more: Partial<DoorOptions> = {}) {
  const written: AuditEntry[] = [];
  let calls = 0;
  const door = createDoor({
    host: "one",
    callers: { find: async (key) => (key === caller?.key ? caller : null) },
    trail: { write: async (entry) => void written.push(entry) },
    operators: ["UOPERATOR"],
    unnamedRole: null,
    mark: (text) => `mark of ${text.length}`,
    newId: () => `call-${(calls += 1)}`,
    now: () => nowMs,
    onFault: () => {},
    ...more,
  });
  const ask = (asked: Partial<Asked>) =>
    door
      .visit({ of: "account", verb: "status", account: "site-bot", body: {}, key: "UCI", ...asked })
      .enter(async ({ name }) => name);
  return { ask, written, door };
}

const every = (Object.keys(verbRoles) as VerbOf[]).flatMap((of) =>
  Object.entries(verbRoles[of]).map(([verb, needed]) => ({ of, verb, needed })),
);
const matrix = every.flatMap((one) => roles.map((role) => ({ ...one, role })));

describe("a verb at the door", () => {
  it.each(matrix)("$of.$verb needs $needed: $role", async ({ of, verb, needed, role }) => {
    const { ask } = doorWith(callerOf(role as CallerRole));
    const answer = await ask({ of, verb, account: of === "account" ? "site-bot" : null }).catch(
      (error: Error) => error.message,
    );
    expect(answer).toBe(
      includesRole(role, needed)
        ? "ci"
        : `ci has the role "${role}", and ${of}.${verb} needs "${needed}"; nothing was done.`,
    );
  });

  it("asks for more the more it can take away", () => {
    const needed = (role: Role) =>
      every.filter((one) => one.needed === role).map(({ verb }) => verb);
    expect(needed("send")).toEqual(["send"]);
    expect(needed("owner")).toEqual(
      expect.arrayContaining(["logout", "reseal", "keys", "caller-add", "caller-revoke"]),
    );
    expect(needed("read")).not.toContain("answer");
  });

  it.each([
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "",
    "x".repeat(300),
  ])("is unknown where no verb has its own name: %s", async (verb) => {
    const { ask } = doorWith(null);
    for (const of of ["account", "fleet", "nodes"] as const) {
      await expect(ask({ of, verb, key: "UOPERATOR" })).rejects.toMatchObject({
        code: "COMMAND_UNKNOWN",
      });
    }
  });
});

describe("one who speaks", () => {
  it("is the operator by its key, and may do everything", async () => {
    const { ask } = doorWith(null);
    await expect(ask({ verb: "logout", key: "UOPERATOR" })).resolves.toBe("operator");
  });

  it.each([
    [callerOf("operate", { key: "UOTHER" }), "CALLER_UNKNOWN"],
    [callerOf("operate", { revokedAt: "2026-11-28T11:00:00.000Z" }), "CALLER_REVOKED"],
    [callerOf("operate", { expiresAt: "2026-11-28T12:00:00.000Z" }), "CALLER_EXPIRED"],
  ])("is refused where its key is not good: %#", async (caller, code) => {
    await expect(doorWith(caller).ask({})).rejects.toMatchObject({ code });
  });

  it("may not name an account that is not its own, in the subject or in the body", async () => {
    const { ask } = doorWith(callerOf("operate", { accounts: ["site-bot"] }));
    await expect(ask({})).resolves.toBe("ci");
    await expect(ask({ account: "site-desk" })).rejects.toMatchObject({
      code: "ACCOUNT_NOT_YOURS",
    });
    const force = { of: "fleet", verb: "force", account: null } as const;
    await expect(ask({ ...force, body: { account: "site-desk" } })).rejects.toMatchObject({
      code: "ACCOUNT_NOT_YOURS",
    });
    await expect(ask({ ...force, body: { account: "site-bot" } })).resolves.toBe("ci");
  });

  it("is a node of the fleet where the broker names none, and such a one calls through holders alone", async () => {
    const { ask } = doorWith(null);
    await expect(ask({ verb: "invoke", key: null })).resolves.toBe("unnamed");
    for (const verb of ["send", "status", "logout"]) {
      await expect(ask({ verb, key: null })).rejects.toMatchObject({ code: "CALLER_UNNAMED" });
    }
  });

  it("has the role that was set for all where the broker names none", async () => {
    const { ask } = doorWith(null, { unnamedRole: "operate" });
    await expect(ask({ verb: "renew", key: null })).resolves.toBe("unnamed");
    await expect(ask({ verb: "logout", key: null })).rejects.toMatchObject({
      code: "ROLE_MISSING",
    });
  });
});

describe("the record of commands", () => {
  it("has the call before it runs, and its outcome after", async () => {
    const { door, written } = doorWith(callerOf("operate"));
    const asked: Asked = {
      of: "account",
      verb: "renew",
      account: "site-bot",
      body: { method: "qr" },
      key: "UCI",
    };
    const seen = await door.visit(asked).enter(async () => written.map(({ phase }) => phase));
    await door.settled();
    expect(seen).toEqual(["asked"]);
    const by = { name: "ci", role: "operate", key: "UCI" };
    const both = { at: "2026-11-28T12:00:00.000Z", call: "call-1", by, host: "one" };
    const what = { verb: "account.renew", account: "site-bot" };
    expect(written).toEqual([
      { ...both, phase: "asked", ...what, params: { method: "qr" } },
      { ...both, phase: "ended", ...what, outcome: "done" },
    ]);
  });

  it("has a refusal with its code, and a failure with its own", async () => {
    const { ask, written, door } = doorWith(callerOf("read"));
    await expect(ask({ verb: "renew" })).rejects.toMatchObject({ code: "ROLE_MISSING" });
    const visit = door.visit({ of: "fleet", verb: "who", account: null, body: {}, key: "UCI" });
    await expect(visit.enter(() => Promise.reject(new Error("x")))).rejects.toThrow("x");
    await door.settled();
    expect(written.map(({ phase, outcome }) => [phase, outcome])).toEqual([
      ["refused", "ROLE_MISSING"],
      ["asked", undefined],
      ["ended", "UNEXPECTED"],
    ]);
  });

  it("is had, or the call is not made", async () => {
    const refused = Object.assign(new Error("away"), { code: "AUDIT_UNAVAILABLE" });
    const { door } = doorWith(callerOf("operate"), {
      trail: { write: () => Promise.reject(refused) },
    });
    let ran = false;
    const visit = door.visit({ of: "fleet", verb: "who", account: null, body: {}, key: "UCI" });
    const answer = visit.enter(async () => {
      ran = true;
    });
    await expect(answer).rejects.toBe(refused);
    expect(ran).toBe(false);
  });

  it("is waited for until the call may run", async () => {
    const stored = deferred();
    const { door } = doorWith(callerOf("operate"), { trail: { write: () => stored.promise } });
    let ran = false;
    const visit = door.visit({ of: "fleet", verb: "who", account: null, body: {}, key: "UCI" });
    const answer = visit.enter(async () => {
      ran = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toBe(false);
    stored.resolve();
    await answer;
    expect(ran).toBe(true);
  });

  it("holds no secret, and of a text its length and mark alone", async () => {
    const { ask, written } = doorWith(null);
    const secret = "49152";
    const secrets = { value: secret, password: secret, phone: secret, botToken: secret };
    await ask({ verb: "answer", key: "UOPERATOR", body: { ...secrets, of: "l1", kind: "code" } });
    await ask({ verb: "import", key: "UOPERATOR", body: { key: secret, dcId: 2, proxy: secret } });
    await ask({ verb: "send", key: "UOPERATOR", body: { peer: secret, text: secret, key: "k1" } });
    await ask({ verb: "invoke", key: "UOPERATOR", body: { params: { phone: secret } } });
    expect(JSON.stringify(written)).not.toContain(secret);
    const [answer, , send] = written.filter(({ phase }) => phase === "asked");
    expect(answer?.params).toMatchObject({ value: "withheld", of: "l1", kind: "code" });
    expect(send?.params).toMatchObject({ text: { length: 5, mark: "mark of 5" } });
  });
});
