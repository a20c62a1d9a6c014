import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { connectGate, type GateClient } from "../../src/gate/gate-client.ts";
import { serveGate } from "../../src/gate/gate-server.ts";
import { createSocketTable } from "../../src/gate/socket-table.ts";

const grant = { account: "a", slot: 1, epoch: 1 };
const keyId = "0807060504030201";
const permit = { ...grant, keyId };
/** The intermediate transport's tag, a length, and the beginning of a frame under the key. */
const granted = Buffer.concat([
  Buffer.from("eeeeeeee18000000", "hex"),
  Buffer.from(keyId, "hex"),
  Buffer.alloc(16, 7),
]);

/** More than the way to the gate holds. */
const more = Buffer.alloc(4 << 20, 7);

let telegram: Server;
let arrivals: Socket[];
let gate: GateClient;
let folder: string;
let close: () => Promise<void>;

const to = () => ({ host: "127.0.0.1", port: (telegram.address() as AddressInfo).port });
const arrival = async () => arrivals.at(-1) ?? ((await once(telegram, "connection"))[0] as Socket);

beforeEach(async () => {
  arrivals = [];
  telegram = createServer((socket) => {
    socket.on("error", () => {});
    arrivals.push(socket);
  });
  telegram.listen(0, "127.0.0.1");
  await once(telegram, "listening");
  const table = createSocketTable({
    mayAct: () => true,
    journal: () => {},
    now: () => 0,
    asleepSinceMs: () => null,
    clock: createSystemClock(),
    restMs: 0,
    answerMs: 0,
  });
  folder = await mkdtemp(join(tmpdir(), "holdfast-gate-"));
  const path = join(folder, "gate.sock");
  const node = { secret: () => "secret", onNodeGone: () => {} };
  const server = await serveGate(path, node, table, () => table.figures);
  const host = { incarnation: "i", host: "h", onLost: () => {} };
  gate = await connectGate({ path, secret: "secret", ...host });
  close = async () => {
    await table.cutAll();
    gate.close();
    await server.close();
    for (const socket of arrivals) socket.destroy();
    telegram.close();
    await rm(folder, { recursive: true, force: true });
  };
});
afterEach(() => close());

describe("a dial that is on its way", () => {
  it("says that no gate is there to ask", async () => {
    await rm(join(folder, "gate.sock"));
    const { stream, opened } = await gate.dial(permit, to());
    stream.on("error", () => {});
    stream.write(granted);
    await expect(opened).rejects.toMatchObject({ code: "GATE_LOST" });
  });

  it("and that its client ends itself is no loss of the gate", async () => {
    const { stream, opened } = await gate.dial(permit, to());
    stream.destroy();
    await expect(opened).rejects.not.toHaveProperty("code");
  });

  it("passes on what was written before Telegram was reached, once it is", async () => {
    const { stream, opened } = await gate.dial(permit, to());
    stream.on("error", () => {});
    stream.write(granted);
    const far = await arrival();
    expect(await once(far, "data")).toEqual([granted]);
    await opened;
    far.write("answer");
    const answer = once(stream, "data");
    stream.resume();
    expect(String((await answer)[0])).toBe("answer");
  });

  it("passes on nothing that was written to a dial that it refuses, and says why", async () => {
    await gate.cut(grant);
    const { stream, opened } = await gate.dial(permit, to());
    stream.on("error", () => {});
    stream.write(granted);
    stream.write(more);
    await expect(opened).rejects.toMatchObject({ code: "GATE_REFUSED" });
    expect(arrivals).toEqual([]);
  });

  it("says that Telegram was not reached, whatever was written", async () => {
    const far = to();
    await new Promise((resolve) => telegram.close(resolve));
    const { stream, opened } = await gate.dial(permit, far);
    stream.on("error", () => {});
    stream.write(granted);
    stream.write(more);
    await expect(opened).rejects.toMatchObject({ code: "TELEGRAM_UNREACHABLE" });
  });

  it("asks for nothing before it may, and then with all that was written", async () => {
    let allow = (): void => {};
    const allowed = new Promise<void>((resolve) => (allow = resolve));
    const { stream, opened } = await gate.dial(permit, to(), allowed);
    stream.on("error", () => {});
    stream.write(granted);
    // A later dial of the same slot is there first.
    const other = await gate.dial(permit, to());
    await other.opened;
    expect(arrivals).toHaveLength(1);
    allow();
    await expect(opened).rejects.toMatchObject({ code: "GATE_REFUSED" });
    other.stream.destroy();
  });
});
