import { describe, expect, it } from "vitest";
import type { FloorValue } from "../../src/custody/registers.ts";
import { epochsSince, type KeptFloor, raiseFloors } from "../../src/custody/restored-floors.ts";
import type { RegisterEntry } from "../../src/ports/custody/shared-register.ts";

const floor = (epoch: number): KeptFloor => ({
  key: "desk.1",
  epoch,
  incarnation: "former",
  host: "a",
});

/** A register of one key. `beforeWrite` may change what stands. */
function registerWith(stands: unknown, beforeWrite: (set: (value: unknown) => void) => void) {
  let value = stands;
  let revision = stands === undefined ? 0 : 1;
  const set = (to: unknown) => {
    value = to;
    revision += 1;
  };
  return {
    read: async (): Promise<RegisterEntry<FloorValue> | null> =>
      revision === 0 ? null : { key: "desk.1", value: value as FloorValue, revision },
    async write(_key: string, next: FloorValue, previous: number) {
      beforeWrite(set);
      if (previous !== revision) throw new Error("no longer at that revision");
      set(next);
      return revision;
    },
    epoch: () => (value as FloorValue | undefined)?.epoch,
  };
}

const options = { ahead: 100, newNonce: () => "nonce" };

describe("the floors of a restore", () => {
  it.each([
    ["nothing stands", undefined, 107, 1],
    ["a lower one stands", { epoch: 8 }, 107, 1],
    ["one as high stands", { epoch: 107 }, 107, 0],
    ["a higher one stands", { epoch: 900 }, 900, 0],
  ])("are raised and never lowered: %s", async (_when, stands, epoch, raised) => {
    const register = registerWith(stands, () => {});
    expect(await raiseFloors(register, [floor(7)], options)).toBe(raised);
    expect(register.epoch()).toBe(epoch);
  });

  it("give way to a floor that is raised meanwhile", async () => {
    let isFirst = true;
    const register = registerWith({ epoch: 8 }, (set) => {
      if (isFirst) set({ epoch: 5000 });
      isFirst = false;
    });
    expect(await raiseFloors(register, [floor(7)], options)).toBe(0);
    expect(register.epoch()).toBe(5000);
  });

  it("are not written over a value that nobody can read", async () => {
    const register = registerWith("garbage", () => {});
    await expect(raiseFloors(register, [floor(7)], options)).rejects.toMatchObject({
      code: "FLOOR_UNREADABLE",
    });
  });

  it("fail where the register takes no write, and do not try for ever", async () => {
    const register = registerWith({ epoch: 1 }, (set) => set({ epoch: 1 }));
    await expect(raiseFloors(register, [floor(7)], options)).rejects.toThrow("revision");
  });

  it("leave room for ten grants a second since the backup, and for a clock that was wrong", () => {
    const weekMs = 7 * 86_400_000;
    expect(epochsSince(0, weekMs)).toBe(weekMs / 100);
    expect(epochsSince(weekMs, 0)).toBe(1_000_000);
  });
});
