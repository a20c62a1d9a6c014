import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { changedKey, fleetKey } from "../../src/cli/fleet-key.ts";
import { sealPinFile } from "../../src/embedded/seal-pin.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "holdfast-pin-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const brokerThatTells = (key: string) => ({
  request: () => Promise.resolve({ string: () => JSON.stringify({ ok: true, key }) }),
});

describe("the fleet's sealing key, as a home keeps it", () => {
  it("is the one that was seen first, whatever another program tells later", async () => {
    const env = { HOLDFAST_HOME: home, HOLDFAST_NATS_URL: "nats://me:pw@far:4222" };
    expect(await fleetKey(brokerThatTells("XTRUE"), env, 1000)).toBe("XTRUE");
    expect(await fleetKey(brokerThatTells("XLIAR"), env, 1000)).toBe("XTRUE");
    expect(statSync(sealPinFile(home)).mode & 0o077).toBe(0);
    const other = { ...env, HOLDFAST_NATS_URL: "nats://other:4222" };
    expect(await fleetKey(brokerThatTells("XOTHER"), other, 1000)).toBe("XOTHER");
  });

  it("says that it changed where a node cannot open and another key is told", async () => {
    const env = { HOLDFAST_HOME: home };
    const of = { kept: "XTRUE", timeoutMs: 1000 };
    const changed = await changedKey(brokerThatTells("XLIAR"), env, of);
    expect(changed).toMatchObject({
      code: "SEAL_CHANGED",
      next: expect.stringContaining(sealPinFile(home)),
    });
    expect(await changedKey(brokerThatTells("XTRUE"), env, of)).toBeNull();
  });
});
