import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { defaultIdleLimits } from "../../src/adapters/telegram/idle-limits.ts";
import { createTelegramBench, type MakeDriver, patienceMs } from "../fixtures/telegram-bench.ts";
import { createManualClock } from "../fixtures/telegram-dc/manual-clock.ts";

/** A connection with nothing to do. */
export function specifyIdle(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("an idle connection", () => {
    it("stays until a ping is overdue by the time that was promised", async () => {
      const clock = createManualClock();
      const delays: number[] = [];
      const watched = {
        ...clock,
        schedule(delayMs: number, action: () => void) {
          delays.push(delayMs);
          return clock.schedule(delayMs, action);
        },
      };
      const dc = await bench.startDc({}, watched);
      const idle = { ...defaultIdleLimits, pingMs: 50 };
      const { client, wire, dials } = await bench.person(dc, "ada", { idle });
      // The data centre was asked to hang up when no further ping comes.
      await expect
        .poll(() => delays.some((delayMs) => delayMs > 1000), { timeout: patienceMs })
        .toBe(true);
      clock.advance(defaultIdleLimits.pingMs + defaultIdleLimits.pongMs);
      await client.self();
      expect(wire).toEqual(["connected"]);
      expect(dials()).toBe(1);
    });

    it("is pinged, and stays while its pings are answered", async () => {
      const dc = await bench.startDc();
      const idle = { pingMs: 50, pongMs: 5_000, hangUpMs: 60_000 };
      const { wire, dials } = await bench.person(dc, "ada", { idle });
      const framesBefore = dc.protocolStats.frames;
      await expect
        .poll(() => dc.protocolStats.frames - framesBefore, { timeout: patienceMs })
        .toBeGreaterThan(4);
      expect(wire).toEqual(["connected"]);
      expect(dials()).toBe(1);
    });

    it("is found dead when the network between swallows everything", async () => {
      const dc = await bench.startDc();
      let swallow = () => {};
      const { client, dials } = await bench.person(dc, "ada", {
        idle: { pingMs: 100, pongMs: 200, hangUpMs: 60_000 },
        async dial(n, dialDc) {
          if (n > 1) return dialDc();
          const { outer, stall } = stallable(await dialDc());
          swallow = stall;
          return outer;
        },
      });
      swallow();
      await expect.poll(dials, { timeout: patienceMs }).toBe(2);
      expect((await client.self()).isBot).toBe(false);
    });
  });
}

/** A stream that passes everything on, until it swallows both ways without closing. */
function stallable(inner: Duplex) {
  let isStalled = false;
  const outer = new Duplex({
    read: () => void inner.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (isStalled) done();
      else inner.write(chunk, done);
    },
    destroy(error, done) {
      inner.destroy();
      done(error);
    },
  });
  inner.on("data", (chunk: Buffer) => {
    if (!isStalled && !outer.push(chunk)) inner.pause();
  });
  inner.once("close", () => outer.destroy());
  return {
    outer,
    stall() {
      isStalled = true;
    },
  };
}
