import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { logFilesOf, openLogFile } from "../../src/embedded/log-files.ts";
import { followLog, openLogReading } from "../../src/cli/log-reading.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const line = (n: number) => `line ${String(n).padStart(4, "0")}`;
/** Of ten lines. */
const bytesMax = 100;

function openBench() {
  const folder = join(temporaryHome(), "logs");
  let atMs = Date.UTC(2026, 10, 29, 8);
  const now = () => new Date((atMs += 1000));
  const open = (bounds = {}) => {
    const log = openLogFile(folder, "gate", { bytesMax, now, ...bounds });
    onTestFinished(() => log.close());
    return log;
  };
  const textOf = (path: string) => readFileSync(path, "utf8");
  const written = () => logFilesOf(folder, "gate").map(textOf).join("");
  return { folder, open, written };
}

const linesTo = (n: number) => Array.from({ length: n }, (_, at) => `${line(at)}\n`).join("");

describe("the log of a part", () => {
  it("goes on where it ended at each start, for its owner alone", async () => {
    const { open, written, folder } = openBench();
    const first = open();
    first.write(line(0));
    first.close();
    await expect.poll(written).toBe(linesTo(1));
    open().write(line(1));
    await expect.poll(written).toBe(linesTo(2));
    expect(statSync(join(folder, "gate.log")).mode & 0o777).toBe(0o600);
  });

  it("is put aside when it has grown too large, and loses no line", async () => {
    const { open, written, folder } = openBench();
    const log = open();
    for (let n = 0; n < 25; n += 1) log.write(line(n));
    // The next file begins when the last line of this one is written.
    expect(logFilesOf(folder, "gate")).toEqual([join(folder, "gate.log")]);
    await expect.poll(written).toBe(linesTo(25));
    expect(readdirSync(folder).toSorted()).toEqual([
      "gate.20261129T080001000Z.log",
      "gate.20261129T080002000Z.log",
      "gate.log",
    ]);
    for (const file of readdirSync(folder))
      expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(bytesMax);
  });

  it("keeps the newest of the files that were put aside, and those of other parts", async () => {
    const { open, written, folder } = openBench();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "nats.20251129T080001000Z.log"), "other");
    const log = open({ asideMax: 2 });
    for (let n = 0; n < 55; n += 1) log.write(line(n));
    await expect.poll(written).toBe(linesTo(55).slice(30 * 10));
    expect(readdirSync(folder)).toContain("nats.20251129T080001000Z.log");
  });

  it("of a part that starts anew with a full file begins another", async () => {
    const { open, written, folder } = openBench();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "gate.log"), linesTo(20));
    open().write(line(20));
    await expect.poll(written).toBe(linesTo(21));
    expect(statSync(join(folder, "gate.log")).size).toBe(10);
  });

  it("is lost, and stops nothing, where its folder cannot be written", () => {
    const home = temporaryHome();
    writeFileSync(join(home, "logs"), "a file");
    const log = openLogFile(join(home, "logs"), "gate");
    log.write(line(0));
    log.close();
    expect(readFileSync(join(home, "logs"), "utf8")).toBe("a file");
  });

  it.runIf(process.platform === "linux")("goes on once a full disk has room again", async () => {
    const { open, folder } = openBench();
    const current = join(folder, "gate.log");
    mkdirSync(folder, { recursive: true });
    symlinkSync("/dev/full", current);
    const log = open({ bytesMax: 1e6 });
    log.write(line(0));
    rmSync(current);
    const goesOn = () => {
      log.write(line(1));
      return existsSync(current) && readFileSync(current, "utf8").startsWith(`${line(1)}\n`);
    };
    await expect.poll(goesOn).toBe(true);
  });
});

describe("a reader of a log", () => {
  it("reads across every file, and on through a turn of files that it does not see happen", async () => {
    const { open, folder, written } = openBench();
    const log = open();
    for (let n = 0; n < 15; n += 1) log.write(line(n));
    await expect.poll(written).toBe(linesTo(15));
    const told: string[] = [];
    const reading = openLogReading(folder, "gate", (one) => told.push(one))!;
    onTestFinished(reading.close);
    reading.readOn();
    expect(told.map((one) => `${one}\n`).join("")).toBe(linesTo(15));
    for (let n = 15; n < 48; n += 1) log.write(line(n));
    await expect.poll(written).toBe(linesTo(48));
    reading.readOn();
    expect(told.map((one) => `${one}\n`).join("")).toBe(linesTo(48));
  });

  it("goes on behind a file that was removed while it read", async () => {
    const { open, folder, written } = openBench();
    const log = open({ asideMax: 1 });
    log.write(line(0));
    await expect.poll(written).toBe(linesTo(1));
    const told: string[] = [];
    const reading = openLogReading(folder, "gate", (one) => told.push(one))!;
    onTestFinished(reading.close);
    reading.readOn();
    for (let n = 1; n < 35; n += 1) log.write(line(n));
    await expect.poll(written).toBe(linesTo(35).slice(200));
    reading.readOn();
    const missed = (one: string) => one >= line(10) && one < line(20);
    const all = Array.from({ length: 35 }, (_, n) => line(n));
    expect(told).toEqual(all.filter((one) => !missed(one)));
  });

  it("follows: each line is told once, also through a turn of files", async () => {
    const { open, folder, written } = openBench();
    const log = open();
    log.write(line(0));
    await expect.poll(written).toBe(linesTo(1));
    const told: string[] = [];
    const reading = openLogReading(folder, "gate", (one) => told.push(one))!;
    onTestFinished(reading.close);
    reading.readOn();
    const failed: unknown[] = [];
    const end = new AbortController();
    followLog(folder, reading, end.signal).catch((error: unknown) => failed.push(error));
    for (let n = 1; n < 25; n += 1) log.write(line(n));
    await expect.poll(() => told.map((one) => `${one}\n`).join("")).toBe(linesTo(25));
    end.abort();
    expect(failed).toEqual([]);
  });

  it("has nothing to read where the part never ran", () => {
    expect(openLogReading(join(temporaryHome(), "logs"), "gate", () => {})).toBeNull();
  });
});
