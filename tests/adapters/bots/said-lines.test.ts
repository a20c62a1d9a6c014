import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { readSaid } from "../../../src/adapters/bots/said-lines.ts";

async function linesOf(chunks: readonly string[], linesMax = 3): Promise<readonly string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readSaid(stream, (line) => void lines.push(line), { lineMax: 5, linesMax, charactersMax: 1e6 });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await finished(stream);
  return lines;
}

describe("what a bot prints", () => {
  it("comes line by line, however it is cut, and the last without its end", async () => {
    expect(await linesOf(["on", "e\ntw", "o\nend"])).toEqual(["one", "two", "end"]);
  });

  it("comes cut short where a line is long", async () => {
    expect(await linesOf(["0123", "4567", "89\nnext\n"])).toEqual(["01234", "next"]);
  });

  it("is counted beyond the lines of a second", async () => {
    expect(await linesOf(["1\n2\n3\n4\n5\n"])).toEqual(["1", "2", "3", "(3 characters more)"]);
  });
});
