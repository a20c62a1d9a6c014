import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type AttackedService,
  asStranger,
  attackedService,
  canBeStranger,
} from "../fixtures/attacked-service.ts";

/** A temporary folder that every user may write to, as /tmp is. */
let shared: string;
let service: AttackedService;
const uid = process.getuid?.() ?? 0;
/** Where loaders and Node itself look for code that they have compiled before. */
const planted = [`tsx-${uid}`, "node-compile-cache", "node_modules/tsx", "v8-compile-cache-0"];

/** Lays code out in each of them, with an old time of access: whoever reads it renews that time. */
const plant = `
  import { chmodSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
  const [shared, ...folders] = process.argv.slice(1);
  const code = "process.getBuiltinModule('node:fs').writeFileSync(" + JSON.stringify(shared + "/ran") + ", 'x')";
  for (const name of folders) {
    const folder = shared + "/" + name;
    mkdirSync(folder, { recursive: true });
    for (const file of ["index.js", "index.mjs", "package.json"])
      writeFileSync(folder + "/" + file, file === "package.json" ? '{"main":"index.js"}' : code);
    chmodSync(folder, 0o777);
    utimesSync(folder, 1, 2);
  }
`;

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), "holdfast-shared-"));
  chmodSync(shared, 0o1777);
  if (canBeStranger) await asStranger(plant, shared, ...planted);
  vi.stubEnv("TMPDIR", shared);
  service = await attackedService();
}, 120_000);

afterAll(async () => {
  await service?.stop();
  vi.unstubAllEnvs();
  rmSync(shared, { recursive: true, force: true });
}, 60_000);

describe.runIf(canBeStranger)("another local user's code in the temporary folder", () => {
  it("is neither run nor looked at, by the service and by its commands", async () => {
    expect((await service.holdfast("status")).code).toBe(0);
    expect(readdirSync(shared)).not.toContain("ran");
    for (const name of planted) {
      const { atimeMs } = statSync(join(shared, name));
      expect([name, atimeMs]).toEqual([name, 1_000]);
      const files = readdirSync(join(shared, name));
      expect(files.toSorted()).toEqual(["index.js", "index.mjs", "package.json"]);
    }
  });

  it("finds no loader and no folder for compiled code in any process of the service", () => {
    const { pids } = service.running.run();
    for (const [name, pid] of Object.entries(pids)) {
      if (name === "launcher") continue;
      const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, "latin1");
      expect([name, read("cmdline")]).toEqual([
        name,
        expect.not.stringMatching(/--(?:import|require|loader|experimental-loader)|tsx/),
      ]);
      expect([name, read("environ")]).toEqual([
        name,
        expect.not.stringMatching(/NODE_COMPILE_CACHE|--(?:import|require|loader)/),
      ]);
    }
  });
});
