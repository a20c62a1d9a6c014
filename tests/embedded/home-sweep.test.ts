import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { placeOf } from "../../src/adapters/machine/place.ts";
import { ownIdentity } from "../../src/adapters/machine/process-identity.ts";
import { openHome, withHome } from "../../src/embedded/home.ts";
import { sweepHome } from "../../src/embedded/home-sweep.ts";
import type { SweepPart } from "../../src/ports/hygiene.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
const nowMs = Date.now();
const now = () => new Date(nowMs);

const alive = ownIdentity();
/** The number of this process, and another start of this machine's present run. */
const dead = { pid: alive.pid, startTime: alive.startTime.replace(/\d+$/, "1") };
const otherBoot = {
  pid: alive.pid,
  startTime: "00000000-0000-4000-8000-000000000000:1",
};
/** More than Linux ever gives. */
const unusedPid = 4_194_399;

function openBench() {
  const home = temporaryHome();
  const put = (name: string, content: unknown = name, ageMs = 10 * minute) => {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    const at = new Date(nowMs - ageMs);
    utimesSync(path, at, at);
  };
  /** A unix socket of a process that is gone: its file stays when it has another name. */
  const putDeadSocket = async (name: string, ageMs = 10 * minute) => {
    const server = createServer();
    mkdirSync(dirname(join(home, name)), { recursive: true });
    server.listen(join(home, `${name}~`));
    await once(server, "listening");
    renameSync(join(home, `${name}~`), join(home, name));
    server.close();
    const at = new Date(nowMs - ageMs);
    utimesSync(join(home, name), at, at);
  };
  const putLiveSocket = async (name: string) => {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    const server = createServer().listen(join(home, name));
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const at = new Date(nowMs - 10 * minute);
    utimesSync(join(home, name), at, at);
  };
  /** Every file by its name, with what it holds. */
  const listing = () => {
    const files = readdirSync(home, { recursive: true, encoding: "utf8" }).filter(
      (name) => !lstatSync(join(home, name)).isDirectory(),
    );
    const held = (name: string) =>
      lstatSync(join(home, name)).isFile() ? readFileSync(join(home, name), "latin1") : "socket";
    return Object.fromEntries(files.toSorted().map((name) => [name, held(name)]));
  };
  const sweep = (dryRun = false) => sweepHome({ home, now, dryRun });
  return { home, put, putDeadSocket, putLiveSocket, listing, sweep };
}

const names = ({ swept }: SweepPart) => swept.map(({ name }) => name).toSorted();
const kept = ({ preserved }: SweepPart) =>
  Object.fromEntries(preserved.map(({ name, why }) => [name, why]));

/** Files that a home keeps for good. */
const data = {
  "master.key": "a key",
  "master.key.0123.old": "an old key",
  "master.key.new": "perhaps a key",
  "fleet.json": "{}",
  "console-token": "a token",
  "sealing-keys.json": "{}",
  "telegram-dc.json": "a world",
  "journal/vm.abc.jsonl": "a line not shipped",
  "postgres/base/1": "a table",
  "postgres/postmaster.pid": "1",
  "nats/jetstream/1": "a stream",
  "mine.txt": "a person's",
};

describe("a sweep of a home", () => {
  it("removes what a day has left of every kind, and its count is what is gone", async () => {
    const bench = openBench();
    const folder = mkdtempSync(join(tmpdir(), "holdfast-socket-"));
    writeFileSync(join(folder, "s"), "12345");
    for (const [name, content] of Object.entries(data)) bench.put(name, content, 30 * day);
    bench.put("run/holdfast.lock", dead);
    bench.put("run/gate.lock", dead);
    bench.put("run/postgres.process.json", { ...dead, name: "postgres", dirs: [folder, "/etc"] });
    bench.put("run/node.process.json", dead);
    bench.put("run.json", { pids: { launcher: unusedPid } });
    await bench.putDeadSocket("run/gate-1.sock");
    await bench.putDeadSocket("postgres/.s.PGSQL.5432");
    bench.put(`run/holdfast.lock.${unusedPid}.tmp`);
    bench.put(`run/holdfast.lock.${unusedPid}.stale.tmp`);
    bench.put(`bin/nats-server.${unusedPid}.tmp`);
    bench.put(`console-token.${unusedPid}`);
    bench.put("fleet.json.new");
    bench.put("logs/gate.20261101T080001000Z.log", "old", 8 * day);
    bench.put("logs/gate.20261128T080001000Z.log", "young", 6 * day);
    bench.put("logs/gate.log", "current", 30 * day);
    const before = bench.listing();

    const planned = await bench.sweep(true);
    expect(bench.listing()).toEqual(before);
    const report = await bench.sweep();
    const after = bench.listing();

    const gone = Object.keys(before).filter((name) => !(name in after));
    expect(names(report)).toEqual(gone);
    expect(names(planned)).toEqual(gone);
    expect(planned.swept.toSorted(byName)).toEqual(report.swept.toSorted(byName));
    const count = (kind: string) => report.swept.filter((one) => one.kind === kind).length;
    expect(["locks", "processes", "sockets", "temporary", "logs"].map(count)).toEqual([
      2, 3, 2, 5, 1,
    ]);
    const files = report.swept.filter(({ name }) => before[name] !== "socket");
    const more = (name: string) => (name === "run/postgres.process.json" ? 5 : 0);
    for (const { name, bytes } of files) expect(bytes).toBe(before[name]!.length + more(name));
    expect(existsSync(folder)).toBe(false);
    // What stays is as it was, byte for byte, and has its name in the report.
    for (const [name, content] of Object.entries(after)) expect(content).toBe(before[name]);
    expect(after).toMatchObject(data);
    const preserved = Object.keys(kept(report));
    expect(preserved).toContain("logs/gate.20261128T080001000Z.log");
    for (const name of Object.keys(after))
      expect(preserved.some((one) => one === name || name.startsWith(one))).toBe(true);

    expect((await bench.sweep()).swept).toEqual([]);
    expect(bench.listing()).toEqual(after);
  });

  it("leaves the lock of a live owner, however old, and everything of its run", async () => {
    const bench = openBench();
    bench.put("run/holdfast.lock", alive, day);
    bench.put("run/node.process.json", dead, day);
    bench.put("run.json", { pids: { launcher: process.pid } }, day);
    bench.put("telegram-dc.json.new", "half", day);
    bench.put("logs/nats.20261101T080001000Z.log", "old", 8 * day);
    const before = bench.listing();
    const report = await bench.sweep();
    expect(names(report)).toEqual(["logs/nats.20261101T080001000Z.log"]);
    const { "logs/nats.20261101T080001000Z.log": _old, ...rest } = before;
    expect(bench.listing()).toEqual(rest);
    expect(kept(report)).toMatchObject({
      "run/holdfast.lock": "its owner runs",
      "run/node.process.json": expect.stringContaining("the home is kept"),
      "telegram-dc.json.new": expect.stringContaining("the home is kept"),
    });
  });

  it("leaves the lock of a dead owner that is younger than 5 minutes", async () => {
    const bench = openBench();
    bench.put("run/holdfast.lock", dead, 4 * minute);
    bench.put("run/gate.lock", dead);
    const before = bench.listing();
    const report = await bench.sweep();
    expect(report.swept).toEqual([]);
    expect(bench.listing()).toEqual(before);
    expect(kept(report)["run/holdfast.lock"]).toBe("younger than 5 minutes");
  });

  it("leaves each young file of a dead owner beside the old ones", async () => {
    const bench = openBench();
    bench.put("run/gate.lock", dead, 4 * minute);
    bench.put("run/node.process.json", dead, 4 * minute);
    bench.put("run/nats.process.json", dead, 6 * minute);
    await bench.putDeadSocket("run/gate-1.sock", 4 * minute);
    bench.put(`run/x.${unusedPid}.tmp`, "", 4 * minute);
    expect(names(await bench.sweep())).toEqual(["run/nats.process.json"]);
  });

  it("leaves what nothing proves dead, and says so", async () => {
    const bench = openBench();
    bench.put("run/gate.lock", "not JSON", day);
    bench.put("run/node.process.json", otherBoot, day);
    bench.put("run.json", "not JSON", day);
    bench.put(`run/x.${process.pid}.tmp`, "", day);
    await bench.putLiveSocket("run/gate-2.sock");
    const before = bench.listing();
    const report = await bench.sweep();
    expect(report.swept).toEqual([]);
    expect(bench.listing()).toEqual(before);
    expect(kept(report)).toMatchObject({
      "run/gate.lock": "nothing proves that its owner is dead",
      "run/node.process.json": "nothing proves that node is dead",
      "run.json": "nothing proves that its launcher is dead",
      [`run/x.${process.pid}.tmp`]: "its writer runs",
      "run/gate-2.sock": "its listener runs",
    });
  });

  it("takes an earlier start of this machine for dead, where the home says that it is this one", async () => {
    const bench = openBench();
    bench.put("run/node.process.json", otherBoot, day);
    const machineId = "0".repeat(32);
    bench.put("fleet.json", { fleet: "f", place: { ...placeOf(bench.home), machineId } }, day);
    expect((await bench.sweep()).swept).toEqual([]);
    bench.put("fleet.json", { fleet: "f", place: placeOf(bench.home) }, day);
    const isKnown = placeOf(bench.home).machineId !== null;
    expect(names(await bench.sweep())).toEqual(isKnown ? ["run/node.process.json"] : []);
  });

  it("leaves the lock of a gate whose socket answers, although its number means nothing here", async () => {
    const bench = openBench();
    bench.put("run/gate.lock", dead, day);
    await bench.putLiveSocket("run/gate-7.sock");
    expect((await bench.sweep()).swept).toEqual([]);
    expect(existsSync(join(bench.home, "run/gate.lock"))).toBe(true);
  });

  it("at the same time as another removes each thing once", async () => {
    const bench = openBench();
    bench.put("run/holdfast.lock", dead);
    for (let n = 0; n < 20; n += 1) bench.put(`run/p${n}.process.json`, dead);
    const before = Object.keys(bench.listing());
    const reports = await Promise.all([bench.sweep(), bench.sweep(), bench.sweep()]);
    expect(reports.flatMap(names).toSorted()).toEqual(before);
    expect(bench.listing()).toEqual({});
  });

  it("touches nothing of a run while a start has the home, and a start waits for a sweep", async () => {
    const bench = openBench();
    const start = await openHome(bench.home, { log: () => {}, now });
    bench.put("run/node.process.json", dead);
    expect((await bench.sweep()).swept).toEqual([]);
    start.release();
    const order: string[] = [];
    const swept = withHome(bench.home, now, async () => {
      await new Promise((done) => setImmediate(done));
      order.push("sweep");
    });
    const started = openHome(bench.home, { log: () => {}, now }).then((held) => {
      order.push("start");
      held.release();
    });
    await Promise.all([swept, started]);
    expect(order).toEqual(["sweep", "start"]);
  });

  it("refuses a home that is not there, in one line", async () => {
    const { home } = openBench();
    rmSync(home, { recursive: true });
    await expect(sweepHome({ home, now, dryRun: true })).rejects.toMatchObject({
      code: "HOME_MISSING",
    });
  });

  it.skipIf(process.geteuid?.() === 0)("refuses a home that cannot be written", async () => {
    const bench = openBench();
    bench.put("logs/gate.20261101T080001000Z.log", "old", 8 * day);
    chmodSync(bench.home, 0o500);
    onTestFinished(() => chmodSync(bench.home, 0o700));
    await expect(bench.sweep()).rejects.toMatchObject({ code: "HOME_UNWRITABLE" });
    expect(Object.keys(bench.listing())).toHaveLength(1);
  });
});

const byName = (a: { readonly name: string }, b: { readonly name: string }) =>
  a.name < b.name ? -1 : 1;
