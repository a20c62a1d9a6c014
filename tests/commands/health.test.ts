import { describe, expect, it } from "vitest";
import { accountsHealth } from "../../src/commands/account-health.ts";
import type { AccountStatus } from "../../src/commands/account-status.ts";
import { createFigureVerb, createHealthCommands } from "../../src/commands/health-verbs.ts";
import { summarise } from "../../src/commands/host-summary.ts";
import { hostsTable } from "../../src/cli/hosts-table.ts";
import type { SeenLease } from "../../src/custody/fleet-members.ts";
import type { StoredHost } from "../../src/ports/fleet-health.ts";
import { noFigures, nothingStored } from "../fixtures/fleet-figures.ts";
import { owner } from "../fixtures/speakers.ts";

const account = (name: string, state: string, change: Partial<AccountStatus> = {}) =>
  ({ name, state, waits: [], reason: null, ...change }) as AccountStatus;

describe("the accounts in figures", () => {
  it("are counted by state; the worst of those that do not serve stands first", () => {
    const reason = { code: "AUTH_KEY_UNREGISTERED", message: "it is dead" };
    const health = accountsHealth([
      account("a", "active"),
      account("b", "fenced"),
      account("c", "unauthorised.waiting"),
      account("d", "quarantined", { reason }),
      account("e", "cooling"),
      account("f", "stopped"),
      account("g", "active.preparing"),
      account("h", "unauthorised.authorising"),
    ]);
    expect(health).toMatchObject({ notServing: 4, quarantined: 1, cooling: 1, waits: 0 });
    expect(health.states).toMatchObject({ active: 1, fenced: 1, stopped: 1 });
    expect(health.troubled.map(({ name, code }) => [name, code])).toEqual([
      ["d", "AUTH_KEY_UNREGISTERED"],
      ["c", null],
      ["h", null],
      ["b", null],
    ]);
    expect(health.mayAsk).toEqual(["g", "h"]);
  });

  it("count a wait for each chat, and one for every call of a method", () => {
    const until = "2026-01-01T00:00:00.000Z";
    const waits = [
      { method: "messages.sendMessage", chats: 3, until },
      { method: "updates.getDifference", chats: null, until },
    ];
    expect(accountsHealth([account("a", "active", { waits })]).waits).toBe(4);
  });

  it("are of a bounded size, however many there are", () => {
    const many = Array.from({ length: 5_000 }, (_, n) =>
      account(`a${n}`, n % 2 === 0 ? "quarantined" : "active.preparing"),
    );
    const health = accountsHealth(many);
    expect(health).toMatchObject({ notServing: 2_500, quarantined: 2_500 });
    expect([health.troubled.length, health.mayAsk.length]).toEqual([20, 20]);
  });
});

const lease = (key: string, change: Partial<SeenLease> = {}): SeenLease => ({
  key,
  revision: 1,
  generation: 2,
  incarnation: `i-${key}`,
  n: 1,
  nonce: key,
  status: "live",
  serving: true,
  ...change,
});

const row = (host: string, change: Partial<StoredHost> = {}): StoredHost => ({
  incarnation: `i-${host}`,
  host,
  startedMs: 0,
  endedForMs: null,
  accounts: 3,
  partitions: [0, 4],
  ...change,
});

const dayMs = 24 * 3600 * 1000;

describe("the hosts of the fleet", () => {
  const leases = [
    lease("serves"),
    lease("leaves", { serving: false }),
    lease("dumb"),
    lease("lost", { status: "revoked" }),
    lease("long-lost", { status: "revoked" }),
    lease("unknown", { status: "revoked" }),
  ];
  const rows = [
    row("serves", { host: "Serves" }),
    row("leaves"),
    row("dumb"),
    row("lost", { endedForMs: dayMs, accounts: 0, partitions: [] }),
    row("long-lost", { endedForMs: dayMs + 1 }),
  ];
  const hosts = summarise(leases, rows, (id) => id !== "i-dumb");

  it("are told with their own names and states; one that was revoked is shown for a day", () => {
    expect(hosts.map(({ host, state }) => [host, state])).toEqual([
      ["dumb", "silent"],
      ["leaves", "not-serving"],
      ["lost", "revoked"],
      ["Serves", "serving"],
    ]);
  });

  it("are told by their lease alone where the database does not know them", () => {
    expect(summarise([lease("new")], [], () => true)).toEqual([
      {
        host: "new",
        incarnation: "i-new",
        generation: 2,
        state: "serving",
        since: null,
        accounts: 0,
        partitions: [],
      },
    ]);
  });

  it("are a line each for a person", () => {
    expect(hostsTable(hosts, null).split("\n").slice(0, 2)).toEqual([
      "HOST    STATE        SINCE                     ACCOUNTS  GENERATION  GATE      TURNS OF",
      "dumb    silent       1970-01-01T00:00:00.000Z  3         2           i-dumb    partitions 0, 4",
    ]);
  });
});

describe("an answer about the fleet's health", () => {
  const asked: unknown[] = [];
  const verbs = createHealthCommands({
    store: {
      async read(accounts) {
        asked.push(accounts);
        return nothingStored;
      },
      hosts: async (incarnations) => {
        asked.push(incarnations);
        return [row("one")];
      },
    },
    members: {
      leases: () => [lease("one"), lease("gone", { status: "released" })],
      isLive: () => true,
    },
    all: async () => [account("mine", "active"), account("other", "quarantined")],
  });

  it("counts the accounts that the asker may name, and no others", async () => {
    const mine = { ...owner, role: "read" as const, accounts: ["mine"] };
    const answer = await verbs.health({}, mine);
    expect(answer.accounts).toMatchObject({ states: { active: 1 }, notServing: 0 });
    expect(asked.at(-1)).toEqual(["mine"]);
    expect((await verbs.health({}, owner)).accounts.notServing).toBe(1);
    expect(asked.at(-1)).toBe("all");
  });

  it("leaves out hosts that left in order", async () => {
    const { hosts } = await verbs.hosts({}, owner);
    expect(hosts.map(({ host }) => host)).toEqual(["one"]);
    expect(asked.at(-1)).toEqual(["i-one"]);
  });

  it("of a node is what it has counted of the asker's accounts, field by field", async () => {
    const { metrics } = createFigureVerb({
      host: "one",
      sinceMs: 0,
      figures: async (counts) => ({
        ...noFigures,
        contextLost: ["mine", "other"].filter(counts).length,
      }),
      gateFigures: async () => ({ nodeRestarts: 3, bytesIn: 9 }),
    });
    const answer = await metrics({}, { ...owner, accounts: ["mine"] });
    expect(answer).toEqual({
      ok: true,
      host: "one",
      since: "1970-01-01T00:00:00.000Z",
      figures: { ...noFigures, contextLost: 1 },
      nodeRestarts: 3,
    });
  });
});
