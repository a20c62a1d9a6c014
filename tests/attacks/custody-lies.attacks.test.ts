import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { createIncarnationKey } from "../../src/adapters/crypto/incarnation-key.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { ownerUrlOf } from "../../src/embedded/postgres.ts";
import { readProof } from "../../src/cli/prove.ts";
import { letGoText } from "../../src/custody/signed-statements.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";
import { everythingIn } from "../fixtures/nats.ts";

let service: AttackedService;
let database: Database;
let nats: NatsConnection;

interface Held {
  readonly account: string;
  readonly slot: number;
  readonly epoch: number;
  readonly state: string;
  readonly incarnation: string;
}

async function held(): Promise<readonly Held[]> {
  const rows = await database.query<Omit<Held, "epoch"> & { epoch: string }>(
    "select account, slot, epoch, state, incarnation from tokens where incarnation is not null order by account, slot",
  );
  return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

/** Whether a token was taken from its holder within the time that the fleet needs for a handover. */
async function changed(before: readonly Held[], lie: () => void): Promise<boolean> {
  for (let round = 0; round < 40; round += 1) {
    lie();
    await nats.flush();
    // Another question to Postgres each time: a release would be there when it answers.
    if (JSON.stringify(await held()) !== JSON.stringify(before)) return true;
  }
  return false;
}

beforeAll(async () => {
  service = await attackedService();
  const { database: url, nats: natsUrl } = service.running.run();
  const insider = await everythingIn(service.home, natsUrl);
  database = openDatabase(ownerUrlOf(url));
  nats = await connectNats(insider, "liar");
  await vi.waitFor(
    async () => {
      const states = (await held()).map(({ state }) => state);
      if (!states.includes("connected"))
        throw new Error(`no token is connected: ${states.join(" ")}`);
    },
    { timeout: 60_000, interval: 200 },
  );
}, 120_000);

afterAll(async () => {
  await nats?.close();
  await database?.close();
  await service?.stop();
}, 60_000);

describe("a host that lies on the fleet's bus", () => {
  const liar = createIncarnationKey();
  const say = (news: object) => nats.publish("holdfast.custody.news", JSON.stringify(news));

  it("frees no token by a let-go that names no holder, or the holder without its signature", async () => {
    const before = await held();
    const grants = before.map(({ account, slot, epoch }) => ({ account, slot, epoch }));
    const of = (incarnation: string) => ({ type: "let-go", incarnation, grants }) as const;
    const stranger = of("somebody-else");
    const forged = of(before[0]!.incarnation);
    const own = of(liar.incarnation);
    const isChanged = await changed(before, () => {
      say(stranger);
      say(forged);
      say({ ...forged, signature: liar.sign(letGoText(forged)) });
      // Signed as it should be: but its speaker holds nothing.
      say({ ...own, signature: liar.sign(letGoText(own)) });
    });
    expect(isChanged).toBe(false);
  });
});

describe("the owner of the database", () => {
  it("rewrites no history that prove does not find", async () => {
    const env = { HOLDFAST_HOME: service.home };
    const { incarnation } = (await held())[0]!;
    await expect
      .poll(async () => (await database.query("select from custody_heads where seq > 0")).length, {
        timeout: 30_000,
      })
      .toBeGreaterThan(0);
    expect((await readProof(env, { fromMs: 0 })).breaks).toEqual([]);
    await database.query("alter table custody_ledger disable trigger custody_ledger_append_only");
    await database.query(
      `with last as (select seq from custody_ledger where incarnation = $1 order by seq desc limit 1)
         update custody_ledger l set line = line || ' '
         from last where l.incarnation = $1 and l.seq = last.seq`,
      [incarnation],
    );
    await database.query("alter table custody_ledger enable trigger custody_ledger_append_only");
    await database.query(
      `update custody_heads h set digest = encode(sha256(convert_to(l.line, 'UTF8')), 'hex')
         from custody_ledger l where l.incarnation = h.incarnation and l.seq = h.seq and h.incarnation = $1`,
      [incarnation],
    );
    // The gate goes on. Its next line, or its next head, which it signs itself, shows the other line as well.
    const { breaks } = await readProof(env, { fromMs: 0 });
    expect(breaks).toEqual([
      expect.stringMatching(
        /signature of its head is not that of a gate|not the one that was stored|does not follow from the line before/,
      ),
    ]);
  });
});
