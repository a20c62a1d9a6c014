import { describe, expect, it } from "vitest";
import { createReadiness, showGateFigures } from "../../src/node/figures.ts";

describe("the readiness of a node", () => {
  it("says that it starts until its accounts are taken up", () => {
    const readiness = createReadiness();
    expect(readiness.unready()).toMatch(/^starting/);
    readiness.begun();
    expect(readiness.unready()).toBeNull();
  });

  it("says that everything was given up, whatever else is wrong", () => {
    const readiness = createReadiness();
    readiness.begun();
    readiness.gaveUp();
    expect(readiness.unready()).toMatch(/^Postgres is away/);
  });
});

describe("the gate's figures", () => {
  it("are those that the reading before has asked for, and stay while the gate does not answer", async () => {
    let read: () => Readonly<Record<string, number>> = () => ({});
    const answers = [
      async () => ({ sockets: 1 }),
      async () => {
        throw new Error("lost");
      },
      async () => ({ sockets: 2 }),
    ];
    showGateFigures({ gate: (reading) => (read = reading) }, { figures: () => answers.shift()!() });
    const readings: unknown[] = [];
    for (let time = 0; time < 3; time += 1) {
      readings.push(read());
      await new Promise(setImmediate);
    }
    expect(readings).toEqual([{}, { sockets: 1 }, { sockets: 1 }]);
  });
});
