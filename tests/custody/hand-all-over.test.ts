import { describe, expect, it } from "vitest";
import { handAllOver } from "../../src/custody/hand-all-over.ts";
import type { FleetNews } from "../../src/ports/custody/fleet-bus.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";

/** A host with these accounts that stops, and what it had handed over at each moment. */
function scene(names: readonly string[], hasTakers = true) {
  const kernel = createKernel(createRandom(1));
  const { clock } = kernel.spawn("node", 1);
  const gone: string[] = [];
  const listeners = new Set<(news: FleetNews) => void>();
  let done = false;
  const all = handAllOver({
    names,
    hasTakers,
    most: 32,
    clock,
    bus: {
      onNews(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    end: async (name) => void gone.push(name),
  }).then(() => (done = true));
  const taken = (account: string) => {
    for (const listener of listeners) listener({ type: "taken", account, slot: 1, epoch: 2 });
  };
  return { kernel, gone, taken, all, listeners, isDone: () => done };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a host that stops", () => {
  it("hands the next account over once the one before is served elsewhere", async () => {
    const { gone, taken, all, listeners } = scene(["a", "b"]);
    await turn();
    expect(gone).toEqual(["a"]);
    taken("b");
    await turn();
    expect(gone).toEqual(["a"]);
    taken("a");
    await turn();
    expect(gone).toEqual(["a", "b"]);
    taken("b");
    await all;
    expect(listeners.size).toBe(0);
  });

  it("does not wait for ever where the news get lost", async () => {
    const { kernel, gone, all } = scene(["a", "b"]);
    await turn();
    await kernel.run(250);
    await turn();
    expect(gone).toEqual(["a", "b"]);
    await kernel.run(500);
    await all;
  });

  it("waits for nobody where no other host is there", async () => {
    const { gone, all } = scene(["a", "b", "c"], false);
    await all;
    expect(gone).toEqual(["a", "b", "c"]);
  });

  it("hands more over at a time, and waits less, the more there are", async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `bot-${index}`);
    const { kernel, gone, isDone } = scene(names);
    await turn();
    expect(gone).toHaveLength(10);
    for (let ms = 0; ms < 600; ms += 5) {
      await kernel.run(ms);
      await turn();
    }
    expect(isDone()).toBe(true);
  });
});
