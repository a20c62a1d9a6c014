import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { createStreamStates } from "../../../src/adapters/nats/stream-states.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { stateOf } from "../../fixtures/promise-state.ts";

/** A connection that is lost and comes back when the test says so. */
function openStates(waitMsMax = 5_000) {
  const told: string[] = [];
  let wake = () => {};
  let isClosed = false;
  async function* status() {
    while (!isClosed) {
      const type = told.shift();
      if (type !== undefined) yield { type };
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const nats = { status, isClosed: () => isClosed };
  const states = createStreamStates({
    nats: nats as unknown as NatsConnection,
    manager: {} as JetStreamManager,
    streamOf: String,
    prepare: async () => undefined,
    waitMsMax,
  });
  return {
    ...states,
    async tell(type: "disconnect" | "reconnect") {
      told.push(type);
      wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
    close() {
      isClosed = true;
      wake();
    },
  };
}

it("nothing new is stored from a lost connection until its return has been checked (I5)", async () => {
  const states = openStates();
  const checked = deferred();
  let checks = 0;
  states.onBack(() => {
    checks += 1;
    return checked.promise;
  });
  await states.ready();
  await states.tell("disconnect");
  const waiting = states.ready();
  await states.tell("reconnect");
  expect([checks, await stateOf(waiting)]).toEqual([1, "pending"]);
  checked.resolve();
  await waiting;
  await states.ready();
  states.close();
});

it("a check that fails is made again", async () => {
  const states = openStates();
  let checks = 0;
  states.onBack(async () => {
    checks += 1;
    if (checks === 1) throw new Error("the database is away");
  });
  await states.tell("disconnect");
  await states.tell("reconnect");
  await states.ready();
  expect(checks).toBe(2);
  states.close();
});

it("a check of an earlier connection ends no hold of the next one", async () => {
  const states = openStates();
  const checks = [deferred(), deferred()];
  let begun = 0;
  states.onBack(() => {
    begun += 1;
    return checks[begun - 1]!.promise;
  });
  await states.tell("disconnect");
  await states.tell("reconnect");
  await states.tell("disconnect");
  checks[0]!.resolve();
  const waiting = states.ready();
  await states.tell("reconnect");
  expect([begun, await stateOf(waiting)]).toEqual([2, "pending"]);
  checks[1]!.resolve();
  await waiting;
  states.close();
});

it("where the check does not end, the wait does", async () => {
  const states = openStates(10);
  states.onBack(() => new Promise(() => {}));
  await states.tell("disconnect");
  await states.tell("reconnect");
  await expect(states.ready()).rejects.toThrow("not checked in time");
  states.close();
});
