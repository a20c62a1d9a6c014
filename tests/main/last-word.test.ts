import { describe, expect, it } from "vitest";
import { askSealKey, requestSealed } from "../../src/adapters/crypto/sealed-request.ts";
import { createSealKey } from "../../src/adapters/crypto/curve-seal.ts";
import { errorLine, HoldfastError, lastWord } from "../../src/errors.ts";

const during = { what: "The start failed", next: "Start again: npm start" };

/** As NATS, Node and DOM name a bound that has passed. */
function timeout(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

describe("the last word of a program", () => {
  it.each([
    ["TimeoutError", "timeout"],
    ["TimeoutError", "The operation was aborted due to timeout"],
    ["Error", "timeout"],
    ["Error", "timed out"],
  ])("names what was done and what to type for %s: %s", (name, message) => {
    expect(lastWord(timeout(name, message), during).line).toBe(
      `The start failed: no answer came in time (${name}: ${message}). Start again: npm start`,
    );
  });

  it("tells the causes of an error whose own text says nothing", () => {
    const refused = new Error("connect ECONNREFUSED 127.0.0.1:1");
    const fetching = new TypeError("fetch failed", { cause: refused });
    expect(lastWord(fetching, during).message).toBe(
      "The start failed: TypeError: fetch failed, by Error: connect ECONNREFUSED 127.0.0.1:1.",
    );
    expect(lastWord(new AggregateError([refused]), during).message).toBe(
      "The start failed: AggregateError, by Error: connect ECONNREFUSED 127.0.0.1:1.",
    );
  });

  it("ends, where an error is its own cause", () => {
    const own: Error & { cause?: unknown } = new Error("round");
    own.cause = own;
    expect(lastWord(own, during).message).toMatch(/^The start failed: Error: round, by .*\.$/);
  });

  it("stands within a longer line, where a library's text says nothing", () => {
    expect(errorLine(timeout("TimeoutError", "timeout"))).toMatch(/^no answer came in time/);
    expect(errorLine(new AggregateError([new Error("refused")]))).toContain("refused");
    expect(errorLine(new Error("disk full"))).toBe("disk full");
  });

  it("is left to an error that has one", () => {
    const own = new HoldfastError({ code: "A", message: "It is so.", next: "Do this." });
    expect(lastWord(own, during)).toBe(own);
  });
});

describe("a fleet that does not answer", () => {
  const silent = { request: () => Promise.reject(timeout("TimeoutError", "timeout")) };
  const subject = "holdfast.account.site-bot.add";

  it("is named with what was asked", async () => {
    const asked = requestSealed(silent, createSealKey().publicKey, {
      subject,
      body: {},
      timeoutMs: 10_000,
    });
    await expect(asked).rejects.toMatchObject({
      code: "NODE_UNAVAILABLE",
      message: `No node answers ${subject}, asked for 10 s at most.`,
    });
    await expect(askSealKey(silent, 2_000)).rejects.toMatchObject({ code: "NODE_UNAVAILABLE" });
  });
});
