import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { replayApart } from "../../src/cli/replay-apart.ts";
import type { TurnHistory } from "../../src/ports/conversation/conversation-records.ts";

let folder: string;
let server: Server;
let connections = 0;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-replay-"));
  server = createServer((_request, response) => response.end("reached"));
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const session = {
  id: "42",
  channel: "telegram",
  account: "desk",
  chatUser: "7",
  status: "active",
  turns: 1,
  messages: 2,
  createdAt: "2026-01-01T00:00:00.000Z",
  lastTurnAt: "2026-01-01T00:00:00.000Z",
} as const;

const turn = (seq: number, asked: string): TurnHistory => ({
  seq,
  inboundId: `m:${seq}`,
  asked,
  media: [],
  replies: [{ body: "ok", menu: null }],
  toolOutputs: [],
  at: session.createdAt,
});

/** Replays one turn for each way out, with a bot that takes it. */
function replayed(ways: readonly string[]) {
  const bot = join(folder, "bot.mjs");
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    bot,
    `import { connect } from "node:net";
import { get } from "node:http";
import { lookup } from "node:dns";
import { resolve4 } from "node:dns/promises";
import { createSocket } from "node:dgram";
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
const url = "http://127.0.0.1:${port}/";
const failing = (emitter) => new Promise((done, failed) => emitter.on("error", failed).on("connect", done).on("response", done));
const ways = {
  fetch: () => fetch(url),
  floating: () => void fetch(url),
  caught: () => fetch(url).catch(() => {}),
  net: () => failing(connect(${port}, "127.0.0.1")),
  http: () => failing(get(url)),
  websocket: () => new Promise((done, failed) => { const s = new WebSocket(url.replace("http", "ws")); s.onopen = done; s.onerror = () => failed(new Error("no socket")); }),
  lookup: () => new Promise((done, failed) => lookup("localhost", (error) => (error ? failed(error) : done()))),
  resolve: () => resolve4("localhost"),
  udp: () => createSocket("udp4").send("x", ${port}, "127.0.0.1"),
  execFile: () => execFileSync(process.execPath, ["-e", ""]),
  spawn: () => spawn(process.execPath, ["-e", ""]),
  file: () => writeFileSync(${JSON.stringify(join(folder, "written"))}, "x"),
  worker: () => new Worker("", { eval: true }),
  binding: () => process.binding("tcp_wrap"),
  nothing: () => {},
};
export default { name: "ways", async handle(turn) { await ways[turn.input.text](); turn.reply("ok"); } };
`,
  );
  const turns = ways.map((way, index) => turn(1 + 2 * index, way));
  return replayApart({ bot, kind: "bot", session, turns }, { addons: false });
}

it("a replay refuses every way out of Node, tells it, and goes on", async () => {
  const ways = ["fetch", "net", "http", "websocket", "lookup", "resolve", "udp"];
  const local = ["execFile", "spawn", "file", "worker", "binding"];
  const turns = await replayed([...ways, ...local, "nothing"]);
  const failed = turns.filter(({ is }) => "fails" in is).map(({ asked }) => asked);
  expect(failed).toEqual([...ways, ...local]);
  expect(turns.slice(0, ways.length).every(({ heldBack }) => heldBack.length === 1)).toBe(true);
  expect(turns[0]?.heldBack).toEqual([expect.stringMatching(/^fetch http:/)]);
  expect(turns.at(-1)).toMatchObject({ is: ["ok"], differs: false, heldBack: [] });
  expect(connections).toBe(0);
  expect(existsSync(join(folder, "written"))).toBe(false);
});

it("a replay tells what a bot tried, also where the bot hides that it failed", async () => {
  const turns = await replayed(["caught", "floating", "nothing"]);
  expect(turns.map(({ differs }) => differs)).toEqual([false, false, false]);
  expect(turns.flatMap(({ heldBack }) => heldBack)).toHaveLength(2);
  expect(connections).toBe(0);
});

it("a replay says that there is no such bot", async () => {
  const asked = { bot: join(folder, "none.mjs"), kind: "bot", session, turns: [] } as const;
  await expect(replayApart(asked, { addons: false })).rejects.toMatchObject({
    code: "BOT_NOT_FOUND",
  });
});

it("a replay says that the bot ended its process", async () => {
  const bot = join(folder, "exits.mjs");
  writeFileSync(bot, "process.exit(3);");
  const asked = { bot, kind: "bot", session, turns: [] } as const;
  await expect(replayApart(asked, { addons: false })).rejects.toMatchObject({
    code: "REPLAY_ENDED",
    message: expect.stringContaining("3"),
  });
});
