import { describe, expect, it } from "vitest";
import { judgeCalls } from "../../../src/proof/chaos/counter.ts";

const call = (key: string, what: string, atMs: number, pid = 1) => ({ key, what, atMs, pid });

describe("the effects that a server counted", () => {
  it("are whole where each message has one", () => {
    const calls = [call("a", "s #1", 1), call("b", "s #2", 2)];
    expect(judgeCalls(calls, 2, [])).toEqual({
      calls: 2,
      effects: 2,
      missing: 0,
      repeated: 0,
      unexplained: 0,
      twoKeys: 0,
    });
  });

  it("lack those of messages without one", () => {
    expect(judgeCalls([call("a", "s #1", 1)], 3, [])).toMatchObject({ effects: 1, missing: 2 });
  });

  it("may be repeated after the first call's process was killed, and only then", () => {
    const calls = [call("a", "s #1", 10, 7), call("a", "s #1", 30, 8)];
    const judged = (pid: number, atMs: number) => judgeCalls(calls, 1, [{ pid, atMs }]);
    expect(judged(7, 20)).toMatchObject({ repeated: 1, unexplained: 0 });
    expect(judged(7, 40)).toMatchObject({ repeated: 0, unexplained: 1 });
    expect(judged(8, 20)).toMatchObject({ repeated: 0, unexplained: 1 });
  });

  it("are two where the keys differ", () => {
    const calls = [call("a", "s #1", 10), call("b", "s #1", 30)];
    const kills = [{ pid: 1, atMs: 20 }];
    expect(judgeCalls(calls, 1, kills)).toMatchObject({ twoKeys: 1, repeated: 0, unexplained: 1 });
  });
});
