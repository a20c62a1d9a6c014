import { describe, expect, it } from "vitest";
import { createHandlerRests } from "../../../src/conversation/turns/handler-rests.ts";
import { HoldfastError } from "../../../src/errors.ts";

const limits = {
  handlerMsMax: 60_000,
  handlerRestMs: 1_000,
  handlerRestMsMax: 120_000,
  handlerRetryMsMax: 900_000,
};
const busy = (waitSeconds?: number) =>
  new HoldfastError({ code: "BUSY", message: "busy", policy: "retryable", waitSeconds });
const late = new HoldfastError({ code: "BOT_TIMED_OUT", message: "late", policy: "retryable" });

function restsOf(error: unknown): readonly number[] {
  const rests = createHandlerRests(limits);
  const given: number[] = [];
  for (let next = rests.next(error); next !== null; next = rests.next(error)) given.push(next);
  return given.map((ms) => ms / 1000);
}

describe("the rests of a handler that fails for now", () => {
  it("double from a second to two minutes, and last a quarter of an hour in all", () => {
    expect(restsOf(busy())).toEqual([1, 2, 4, 8, 16, 32, 64, ...Array<number>(6).fill(120)]);
  });

  it("are as long as the refusal asks for", () => {
    expect(restsOf(busy(300))).toEqual([300, 300, 300]);
  });

  it("are none where the refusal asks for more than all of them", () => {
    expect(restsOf(busy(3600))).toEqual([]);
  });

  it("are fewer for a handler that runs out of its time", () => {
    expect(restsOf(late)).toEqual([1, 2, 4, 8, 16, 32, 64, 120]);
  });

  it("are none after any other error", () => {
    expect(restsOf(new Error("broken"))).toEqual([]);
    expect(restsOf(new HoldfastError({ code: "X", message: "for good" }))).toEqual([]);
  });
});
