import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createAnswers } from "../../src/cli/answers.ts";
import { corpus } from "../corpus/read.ts";

const piped = (text: string) => createAnswers(Readable.from([Buffer.from(text)]));

describe("what is piped in", () => {
  it.each(corpus("passwords") as readonly { readonly piped: string; readonly is: string }[])(
    "is a whole password: $piped",
    async (entry) => {
      expect(await piped(entry.piped).password("")).toBe(entry.is);
    },
  );

  it("is a short text without blanks at its ends, a line for each question", async () => {
    const answers = piped("  12 345 \r\n second \n");
    expect(await answers.secret("")).toBe("12 345");
    expect(await answers.secret("")).toBe("second");
    await expect(answers.secret("")).rejects.toMatchObject({ code: "NOTHING_GIVEN" });
  });

  it("is a wrapped text with all of its lines", async () => {
    const never = () => false;
    expect(await piped("one\ntwo\r\nthree\n").wrapped("", never)).toBe("one\ntwo\nthree");
    await expect(piped("").wrapped("", never)).rejects.toMatchObject({ code: "NOTHING_GIVEN" });
  });

  it("leaves the lines behind a whole text to later questions", async () => {
    const answers = piped("one\ntwo\nthree\n");
    expect(await answers.wrapped("", (text) => text.endsWith("two"))).toBe("one\ntwo");
    expect(await answers.password("")).toBe("three");
  });

  it("confirms nothing, as no person was asked", async () => {
    expect(await piped("y\n").confirm("Sure?")).toBe(false);
  });
});
