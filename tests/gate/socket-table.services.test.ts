import { createTestClock } from "../fixtures/test-clock.ts";
import type { Clock } from "../../src/concurrency/clock.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { type Duplex, PassThrough } from "node:stream";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectGate, type GateClient } from "../../src/gate/gate-client.ts";
import { type GateServer, serveGate } from "../../src/gate/gate-server.ts";
import type { Endpoint, Permit } from "../../src/ports/custody/gate.ts";
import type { JournalEntry } from "../../src/custody/ledger-proof.ts";
import {
  createSocketTable,
  type SocketTable,
  type SocketTableOptions,
} from "../../src/gate/socket-table.ts";

const keyId = "0807060504030201";
const grant = { account: "a", slot: 1, epoch: 1 };
/** The intermediate transport's tag, a length, and the beginning of an encrypted frame. */
const frameOf = (id: string) =>
  Buffer.concat([
    Buffer.from("eeeeeeee18000000", "hex"),
    Buffer.from(id, "hex"),
    Buffer.alloc(16, 7),
  ]);
/** As it stands on the wire. */
const permit = { ...grant, keyId };
const granted = frameOf(keyId);

/** A reset counts as a close. */
const closing = (socket: Duplex) =>
  new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });

let folder: string;
let telegram: Server;
let arrivals: Socket[];
let table: SocketTable;
let server: GateServer;
let gate: GateClient;
let secret: string | null;
let nodeGone: () => void;
let alive: boolean;
let journal: JournalEntry[];
let asleepSinceMs: number | null;

const to = () => ({ host: "127.0.0.1", port: (telegram.address() as AddressInfo).port });
const arrival = async () => arrivals.at(-1) ?? ((await once(telegram, "connection"))[0] as Socket);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-gate-"));
  arrivals = [];
  secret = "secret";
  alive = true;
  asleepSinceMs = null;
  journal = [];
  telegram = createServer((socket) => {
    socket.on("error", () => {});
    arrivals.push(socket);
  });
  telegram.listen(0, "127.0.0.1");
  await once(telegram, "listening");
  table = createSocketTable({
    mayAct: () => alive,
    journal: (entry) => journal.push(entry),
    now: () => 0,
    asleepSinceMs: () => asleepSinceMs,
    clock: createSystemClock(),
    restMs: 0,
    answerMs: 0,
  });
  const path = join(folder, "gate.sock");
  server = await serveGate(
    path,
    { secret: () => secret, onNodeGone: (listener) => (nodeGone = listener) },
    table,
    () => table.figures,
  );
  gate = await connectGate({
    path,
    secret: "secret",
    incarnation: "i",
    host: "h",
    onLost: () => {},
  });
});

afterEach(async () => {
  await table.cutAll();
  gate.close();
  await server.close();
  for (const socket of arrivals) socket.destroy();
  telegram.close();
  await rm(folder, { recursive: true, force: true });
});

/** A connection that is open. */
async function dial(asked: Permit, endpoint: Endpoint): Promise<Duplex> {
  const { stream, opened } = await gate.dial(asked, endpoint);
  await opened;
  return stream;
}

describe("the gate's sockets", () => {
  it("dials nothing once the lease is over", async () => {
    alive = false;
    await expect(dial(permit, to())).rejects.toMatchObject({ code: "GATE_REFUSED" });
    expect(arrivals).toEqual([]);
  });

  it.each([
    ["that its first dial named, where a later one names another", keyId, "ffffffffffffffff"],
    ["that its first dial named, where a later one names none", keyId, null],
    ["that an exchange under it made", null, null],
  ])("keeps an epoch to the key %s", async (_what, firstKey, laterKey) => {
    const first = await dial({ ...grant, keyId: firstKey }, to());
    first.on("error", () => {});
    first.write(granted);
    const far = await arrival();
    await once(far, "data");
    const closed = closing(far);
    first.destroy();
    await closed;
    await expect.poll(() => gate.sockets(grant)).toBe(0);
    const client = await dial({ ...grant, keyId: laterKey }, to());
    client.on("error", () => {});
    client.write(frameOf(laterKey ?? "0000000000000000"));
    await closing(client);
    expect(journal.at(-1)).toMatchObject({ kind: "close", bytesOut: 0 });
  });

  it("dials no more under an epoch that is older than one it has dialled under, though it was never cut", async () => {
    const newer = await dial({ ...permit, epoch: 2 }, to());
    newer.on("error", () => {});
    newer.destroy();
    await expect.poll(() => gate.sockets(grant)).toBe(0);
    await expect(dial(permit, to())).rejects.toMatchObject({
      code: "GATE_REFUSED",
      message: expect.stringContaining("epoch 2 came after epoch 1"),
    });
  });

  it("pipes both ways under a grant and journals the open", async () => {
    const client = await dial(permit, to());
    client.write(granted);
    const far = await arrival();
    const [seen] = (await once(far, "data")) as [Buffer];
    expect(seen.equals(granted)).toBe(true);
    far.write("answer");
    const answered = once(client, "data");
    client.resume();
    expect(String((await answered)[0])).toBe("answer");
    expect(journal).toMatchObject([{ kind: "open", account: "a", epoch: 1 }]);
  });

  it("lets one socket of a slot live at a time", async () => {
    await dial(permit, to());
    await expect(dial(permit, to())).rejects.toMatchObject({ code: "GATE_REFUSED" });
    expect(await gate.sockets(grant)).toBe(1);
  });

  it("resets a connection whose first frame carries another key", async () => {
    const client = await dial(permit, to());
    const far = await arrival();
    let bytes = 0;
    far.on("data", (chunk: Buffer) => (bytes += chunk.length));
    client.on("error", () => {});
    client.write(frameOf("ffffffffffffffff"));
    await closing(client);
    expect(bytes).toBe(0);
  });

  it("takes a key exchange only where no key is known yet", async () => {
    const client = await dial({ ...grant, keyId: null }, to());
    client.write(frameOf("0000000000000000"));
    const far = await arrival();
    expect(((await once(far, "data")) as [Buffer])[0].length).toBeGreaterThan(0);
  });

  it("cuts with proof: 0 sockets, and the epoch never dials again", async () => {
    const client = await dial(permit, to());
    client.on("error", () => {});
    client.write(granted);
    const far = await arrival();
    await once(far, "data");
    const closed = closing(far);
    expect(await gate.cut(grant)).toMatchObject({ sockets: 0 });
    await closed;
    expect(await gate.sockets(grant)).toBe(0);
    await expect(dial(permit, to())).rejects.toMatchObject({ code: "GATE_REFUSED" });
  });

  it("delivers nothing of a full send queue after the cut", async () => {
    const client = await dial(permit, to());
    client.on("error", () => {});
    client.write(granted);
    const far = await arrival();
    await once(far, "data");
    far.pause();
    for (let chunk = 0; chunk < 64; chunk += 1) client.write(Buffer.alloc(256 * 1024, chunk));
    let waiting = -1;
    // Nothing moves any more: the far side reads nothing, and every buffer on the way is full.
    await expect
      .poll(() => {
        const stands = client.writableLength === waiting && waiting > 0;
        waiting = client.writableLength;
        return stands;
      })
      .toBe(true);
    await gate.cut(grant);
    let after = granted.length;
    const ended = closing(far);
    far.on("data", (chunk: Buffer) => (after += chunk.length));
    far.resume();
    await ended;
    // Bytes that the kernel had received before the reset may be read; bytes queued by the gate are
    // gone.
    const [closed] = journal.filter(({ kind }) => kind === "close");
    expect(after).toBeLessThan(closed!.bytesOut!);
  });

  it.each([
    ["as it wakes", 5_000, "1970-01-01T00:00:05.000Z"],
    ["awake", null, undefined],
  ])("says in the journal of a close %s since when it slept", async (_, sinceMs, asleepSince) => {
    const client = await dial(permit, to());
    client.on("error", () => {});
    asleepSinceMs = sinceMs;
    await gate.cut(grant);
    expect(journal.map((entry) => [entry.kind, entry.asleepSince])).toEqual([
      ["open", undefined],
      ["close", asleepSince],
    ]);
  });

  it("spares a newer epoch when a late cut names an older one", async () => {
    const newer = { ...grant, epoch: 2 };
    await dial({ ...newer, keyId }, to());
    await gate.cut(grant);
    expect(await gate.sockets(grant)).toBe(1);
    await expect(dial(permit, to())).rejects.toMatchObject({ code: "GATE_REFUSED" });
  });

  it("forwards nothing once the lease is over (I1)", async () => {
    const client = await dial(permit, to());
    client.on("error", () => {});
    client.write(granted);
    const far = await arrival();
    await once(far, "data");
    let late = 0;
    far.on("data", (chunk: Buffer) => (late += chunk.length));
    alive = false;
    client.write(Buffer.alloc(1024));
    await closing(client);
    expect(late).toBe(0);
  });
});

/** One that waits after a cut. */
const openResting = (
  clock: Clock,
  wayIsThere: NonNullable<SocketTableOptions["wayIsThere"]>,
): SocketTable =>
  createSocketTable({
    mayAct: () => true,
    journal: () => {},
    now: () => 0,
    asleepSinceMs: () => null,
    clock,
    restMs: 250,
    answerMs: 2000,
    wayIsThere,
  });

describe("after a cut with requests under way, the gate waits", () => {
  it.each([
    ["until they have arrived, where the way is there right behind the reset", true, 250],
    ["until Telegram has ended what it worked on, where the reset may be lost", false, 2000],
  ])("%s", async (_what, isThere, restsMs) => {
    const clock = createTestClock();
    const asked: string[] = [];
    const resting = openResting(clock, async ({ host }) => {
      asked.push(host);
      return isThere;
    });
    const ends = new PassThrough() as unknown as Socket;
    await resting.dial(permit, to(), ends);
    let restedMs = -1;
    const begunMs = clock.monotonicMs();
    const cut = resting.cut(grant).then(() => (restedMs = clock.monotonicMs() - begunMs));
    await expect
      .poll(
        () => {
          if (restedMs < 0) clock.advance(50);
          return restedMs;
        },
        { interval: 1 },
      )
      .toBeGreaterThanOrEqual(restsMs);
    await cut;
    expect(restedMs).toBeLessThan(restsMs + 250);
    expect(asked).toEqual(["127.0.0.1"]);
  });
});

it("has nothing to wait for after a cut of a connection that was idle, nor later when everything is cut", async () => {
  const clock = createTestClock();
  const resting = openResting(clock, () => Promise.resolve(false));
  await resting.dial(permit, to(), new PassThrough() as unknown as Socket);
  await resting.cut(grant, true);
  // The clock stands still: a wait would never end.
  await expect(resting.cutAll()).resolves.toBeDefined();
});

describe("the gate's door", () => {
  /** Says hello on a connection of its own; the answer, or that the gate hung up. */
  async function hello(given: unknown): Promise<string> {
    const socket = connect(join(folder, "gate.sock"));
    socket.on("error", () => {});
    socket.write(`${JSON.stringify({ kind: "control", secret: given })}\n`);
    const answered = once(socket, "data").then(([data]) => String(data).trim());
    const answer = await Promise.race([answered, once(socket, "close").then(() => "hung up")]);
    socket.destroy();
    return answer;
  }

  it("opens to the node's secret alone, and between two nodes to none", async () => {
    expect(await hello("secret")).toBe('{"ok":true}');
    expect(await hello("secreT")).toBe("hung up");
    expect(await hello("")).toBe("hung up");
    secret = null;
    for (const given of ["", "secret", null, undefined]) expect(await hello(given)).toBe("hung up");
  });

  it("closes behind a node that has gone: it admits nothing for the next one", async () => {
    nodeGone();
    await expect(gate.sockets(grant)).rejects.toMatchObject({ code: "GATE_LOST" });
    await expect(dial(permit, to())).rejects.toMatchObject({ code: "GATE_LOST" });
    expect(arrivals).toEqual([]);
  });
});
