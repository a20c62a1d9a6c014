import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openStateFile, type StateFile } from "../../src/telegram-dc/state/state-file.ts";

let folder: string;
let path: string;
let count: number;
let state: StateFile;
let faults: unknown[];

beforeEach(async () => {
  folder = await mkdtemp(`${tmpdir()}/holdfast-state-`);
  path = `${folder}/state.json`;
  count = 0;
  faults = [];
  state = openStateFile(
    path,
    () => ({ count }) as never,
    (error) => faults.push(error),
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const change = (): void => {
  count += 1;
  state.touch();
};
const inFile = async (): Promise<unknown> => JSON.parse(await readFile(path, "utf8")).count;

it("what was changed before is in the file once it is said to be written, however often", async () => {
  await state.written();
  for (let round = 0; round < 20; round += 1) {
    change();
    const first = state.written();
    // Another change comes while the first is being written.
    await new Promise((resolve) => setImmediate(resolve));
    change();
    const second = state.written();
    await first;
    expect(Number(await inFile())).toBeGreaterThanOrEqual(count - 1);
    await second;
    expect(await inFile()).toBe(count);
    await state.written();
  }
  expect(faults).toEqual([]);
});

it("a write that fails holds up nobody, and the next change is written", async () => {
  await rm(folder, { recursive: true });
  change();
  await state.written();
  expect(faults).toHaveLength(1);
});
