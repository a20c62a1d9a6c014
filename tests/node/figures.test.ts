import { describe, expect, it } from "vitest";
import { createReadiness, showGateFigures } from "../../src/node/figures.ts";

describe("the readiness of a node", () => {
  it("says that it starts until its accounts are taken up", () => {
    const readiness = createReadiness({ hasWebhook: false });
    expect(readiness.unready()).toMatch(/^starting/);
    readiness.begun();
    expect(readiness.unready()).toBeNull();
  });

  it("waits for the webhook channel, where there is one, and says why it does not listen", () => {
    const readiness = createReadiness({ hasWebhook: true });
    readiness.begun();
    expect(readiness.unready()).toMatch(/^starting: the webhook channel/);
    readiness.webhookListens("Port 80 on 127.0.0.1 is in use by another program.");
    expect(readiness.unready()).toBe(
      "the webhook channel does not listen: Port 80 on 127.0.0.1 is in use by another program.",
    );
    readiness.webhookListens(null);
    expect(readiness.unready()).toBeNull();
  });

  it("says that everything was given up, whatever else is wrong", () => {
    const readiness = createReadiness({ hasWebhook: false });
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
