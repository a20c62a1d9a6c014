import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Client } from "pg";
import { afterEach, describe, expect, inject, it, onTestFinished } from "vitest";
import { openDatabase } from "../../../src/adapters/postgres/database.ts";
import { refusePooler } from "../../../src/adapters/postgres/pooler.ts";

const shell = { ...process.env };
afterEach(() => {
  process.env = { ...shell };
});

/** Answers a client's first message as PgBouncer does where it pools by transaction. */
async function pooler(): Promise<string> {
  const fields = ["SFATAL", "C08P01", "Munsupported startup parameter: statement_timeout", ""];
  const body = Buffer.from(`${fields.join("\0")}\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(body.length + 4, 1);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([head, body])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `postgres://u:geheim@127.0.0.1:${(server.address() as AddressInfo).port}/fleet`;
}

async function refusalOf(url: string, statement: string): Promise<unknown> {
  const database = openDatabase(url);
  try {
    return await database.query(statement).catch((error: unknown) => error);
  } finally {
    await database.close();
  }
}

describe("a pooler that does not keep sessions", () => {
  it("is named where it takes no settings of a connection", async () => {
    expect(await refusalOf(await pooler(), "select 1")).toMatchObject({
      code: "DATABASE_POOLED",
      message: expect.stringContaining("unsupported startup parameter"),
      next: expect.stringContaining("pool_mode = session"),
    });
  });

  it("is named where a connection's prepared statement is gone", async () => {
    const error = await refusalOf(inject("databaseServerUrl"), 'execute "open-renewal"');
    expect(error).toMatchObject({ code: "DATABASE_POOLED" });
  });
});

describe("two connections", () => {
  async function connected(): Promise<Client> {
    const client = new Client(inject("databaseServerUrl"));
    await client.connect();
    return client;
  }

  async function one(): Promise<Client> {
    const client = await connected();
    onTestFinished(() => client.end());
    return client;
  }

  it("with a process each are no pooler's", async () => {
    await expect(refusePooler(await one(), connected)).resolves.toBeUndefined();
  });

  it("with one process are those of a pooler by transactions", async () => {
    const client = await one();
    const second = {
      query: (text: string) => client.query(text),
      end: async () => {},
    } as unknown as Client;
    await expect(refusePooler(client, async () => second)).rejects.toMatchObject({
      code: "DATABASE_POOLED",
      message: expect.stringContaining("transaction mode"),
    });
  });

  it("tell nothing where the second is refused", async () => {
    const refused = () => Promise.reject(new Error("too many connections"));
    await expect(refusePooler(await one(), refused)).resolves.toBeUndefined();
  });
});

describe("the embedded server", () => {
  it("is reached whatever the shell says of another one", async () => {
    Object.assign(process.env, {
      PGHOST: "db.example",
      PGPORT: "1",
      PGUSER: "nobody",
      PGDATABASE: "nothing",
      PGSSLMODE: "require",
      PGOPTIONS: "-c search_path=mine",
    });
    const database = openDatabase(inject("databaseServerUrl"));
    onTestFinished(() => database.close());
    const rows = await database.query("select current_setting('search_path') as path");
    expect(rows).toEqual([{ path: '"$user", public' }]);
  });
});
