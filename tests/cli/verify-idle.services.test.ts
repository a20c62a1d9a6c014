import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startTimeOf } from "../../src/adapters/machine/process-identity.ts";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { verifyProcesses, verifySockets, watchTokens } from "../../src/cli/verify-idle.ts";
import { writeRecord } from "../../src/embedded/process-records.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const gate = { pid: 41, startTime: "boot:7" };

describe("the tokens of a gate that ends", () => {
  let test: TestDatabase;
  let run: (text: string) => Promise<unknown>;
  beforeEach(async () => {
    test = await createTestDatabase();
    onTestFinished(() => test.drop());
    run = async (text) => {
      const database = openDatabase(test.url, { poolMax: 1 });
      try {
        await database.query(text);
      } finally {
        await database.close();
      }
    };
    await run("insert into accounts (name, kind, credentials) values ('a', 'user', '')");
    await run("insert into authorisations (account, slot, state) values ('a', 1, 'SERVING')");
    await run(
      `insert into incarnations (id, host, proof) values ('i1', 'vm', '{"pid": 41, "startTime": "boot:7"}')`,
    );
    await run(
      "insert into tokens (account, slot, epoch, state, incarnation) values ('a', 1, 1, 'connected', 'i1')",
    );
  });
  const free = () => run("update tokens set state = 'free', incarnation = null");

  it("are free, as a database says that stands", async () => {
    const watch = watchTokens(test.url, gate);
    await free();
    const { well, text } = await watch.end();
    expect([well, text]).toEqual([true, expect.stringMatching(/^0 held .*now$/)]);
  });

  it("are not, where one is held still", async () => {
    expect(await watchTokens(test.url, gate).end()).toMatchObject({ well: false });
  });

  it("are free, as a database said that has ended with the service", async () => {
    const watch = watchTokens(test.url, gate);
    await free();
    await expect.poll(() => watch.seen()?.tokens).toBe(0);
    await test.drop();
    const { well, text } = await watch.end();
    expect([well, text]).toEqual([true, "0 held, as the database said before it ended"]);
  });

  it("are unknown, where its last answer was that one is held", async () => {
    const watch = watchTokens(test.url, gate);
    await expect.poll(() => watch.seen()?.tokens).toBe(1);
    await test.drop();
    expect(await watch.end()).toMatchObject({
      well: null,
      text: expect.stringContaining("1 held when the database last answered"),
    });
  });

  it("are unknown, where it never answered", async () => {
    await test.drop();
    const { well } = await watchTokens(test.url, gate).end();
    expect(well).toBeNull();
  });
});

describe("what is left of a service", () => {
  it("is a process that runs, by the stop's own list or by a record of the home", () => {
    const home = temporaryHome();
    expect(verifyProcesses(home, [4_194_399])).toMatchObject({ well: true });
    expect(verifyProcesses(home, [process.pid])).toMatchObject({ well: false });
    const record = { name: "gate", stopSignal: "SIGTERM", ports: [], dirs: [] } as const;
    const pid = process.ppid;
    writeRecord(home, { ...record, pid, startTime: "another start" });
    expect(verifyProcesses(home, [])).toMatchObject({ well: true });
    writeRecord(home, { ...record, pid, startTime: startTimeOf(pid)! });
    expect(verifyProcesses(home, [])).toMatchObject({ well: false });
  });

  it("is a socket of the home that answers", async () => {
    const home = temporaryHome();
    expect(await verifySockets(home)).toMatchObject({ well: true });
    mkdirSync(join(home, "run"));
    const server = createServer().listen(join(home, "run", "gate-1.sock"));
    onTestFinished(() => void server.close());
    await once(server, "listening");
    expect(await verifySockets(home)).toMatchObject({ well: false, text: "open: run/gate-1.sock" });
  });
});
