import { describe, expect, it } from "vitest";
import { watchSoftStop } from "../../src/custody/soft-stop.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";

const timings = { holdMs: 20_000, softStopMs: 18_000, retryMs: 500 };

describe("the soft stop", () => {
  it("lets no call begin once a lease has gone without a renewal, and lets them begin after one", async () => {
    const kernel = createKernel(createRandom(1));
    const { clock } = kernel.spawn("gate", 1);
    let renewedMs = 0;
    const changes: [number, boolean][] = [];
    const end = watchSoftStop({
      leftMs: () => timings.holdMs - (kernel.nowMs - renewedMs),
      timings,
      clock,
      onChange: (mayCall) => changes.push([kernel.nowMs, mayCall]),
    });
    await kernel.run(10_000);
    renewedMs = 10_000;
    await kernel.run(27_900);
    expect(changes).toEqual([]);
    await kernel.run(28_100);
    expect(changes).toEqual([[28_000, false]]);
    renewedMs = kernel.nowMs;
    await kernel.run(29_000);
    expect(changes).toEqual([
      [28_000, false],
      [28_500, true],
    ]);
    end();
    await kernel.run(90_000);
    expect(changes).toHaveLength(2);
  });
});
