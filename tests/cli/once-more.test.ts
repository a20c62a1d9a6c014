import { describe, expect, it } from "vitest";
import type { AskOptions } from "../../src/cli/ask.ts";
import { onceMore } from "../../src/cli/once-more.ts";
import { HoldfastError } from "../../src/errors.ts";

const fault = (code: string) => new HoldfastError({ code, message: code });

/** Asks with these outcomes, one after the other. */
async function ask(...outcomes: readonly (string | HoldfastError)[]) {
  const asked: AskOptions[] = [];
  const answer = await onceMore({ env: {} }, async (options) => {
    const outcome = outcomes[asked.length]!;
    asked.push(options);
    if (outcome instanceof HoldfastError) throw outcome;
    return outcome;
  }).catch((error: unknown) => (error as HoldfastError).code);
  return { answer, waits: asked.map(({ timeoutMs }) => timeoutMs) };
}

describe("a question that changes nothing", () => {
  it("is asked once where it is answered", async () => {
    expect(await ask("yes", "again")).toEqual({ answer: "yes", waits: [2_000] });
  });

  it("is asked once more where no node answered, as the one that got it may hang", async () => {
    const none = fault("NODE_UNAVAILABLE");
    expect(await ask(none, "yes")).toEqual({ answer: "yes", waits: [2_000, undefined] });
    expect(await ask(none, none, "yes")).toMatchObject({ answer: "NODE_UNAVAILABLE" });
  });

  it("is not asked again after a refusal", async () => {
    expect(await ask(fault("ROLE_MISSING"), "yes")).toEqual({
      answer: "ROLE_MISSING",
      waits: [2_000],
    });
  });
});
