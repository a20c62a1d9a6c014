import { array, assert, integer, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesFrame, createFrameReader, createSpeaker } from "../../../src/adapters/bots/frames.ts";

/** The frames that lines become, each taken when it is full or when all were added. */
function framesOf(lines: readonly string[]): readonly Buffer[] {
  const frames: Buffer[] = [];
  const speaker = createSpeaker((frame, done) => {
    frames.push(Buffer.from(frame));
    done();
  });
  for (const line of lines) speaker.say(line);
  const last = speaker.take();
  return last === null ? frames : [...frames, last];
}

function read(bytesMax = 1_000_000) {
  const lines: string[] = [];
  const bytes: unknown[] = [];
  let broken = 0;
  const take = createFrameReader({
    bytesMax,
    onText: (text) => void lines.push(...text.split("\n").slice(0, -1)),
    onBytes: (...of) => void bytes.push([of[0], of[1], [...of[2]]]),
    onBroken: () => void (broken += 1),
  });
  return { take, lines, bytes, broken: () => broken };
}

describe("frames", () => {
  it("bring every line as it was, however they are cut", () => {
    const line = string({ unit: "grapheme" }).map((text) => JSON.stringify(text));
    assert(
      property(array(line), integer({ min: 1, max: 40 }), (lines, size) => {
        const all = Buffer.concat([...framesOf(lines)]);
        const { take, lines: came } = read();
        for (let at = 0; at < all.length; at += size) take(all.subarray(at, at + size));
        expect(came).toEqual(lines);
      }),
    );
  });

  it("hold lines that are longer than their memory", () => {
    const lines = ["é".repeat(200_000), "short", "x".repeat(100_000), "y".repeat(50_000)];
    const { take, lines: came } = read();
    for (const frame of framesOf(lines)) take(frame);
    expect(came).toEqual(lines);
  });

  it("are read from memory that is used again for each piece", () => {
    const all = Buffer.concat([...framesOf(["one", "two"]), ...framesOf(["three"])]);
    const memory = Buffer.alloc(7);
    const { take, lines } = read();
    for (let at = 0; at < all.length; at += memory.length) {
      const length = all.copy(memory, 0, at, at + memory.length);
      take(memory.subarray(0, length));
    }
    expect(lines).toEqual(["one", "two", "three"]);
  });

  it("bring bytes beside lines", () => {
    const { take, bytes, lines } = read();
    take(Buffer.concat([bytesFrame(3, 9, new Uint8Array([1, 2])), ...framesOf(["after"])]));
    expect([bytes, lines]).toEqual([[[3, 9, [1, 2]]], ["after"]]);
  });

  it("that are too long or of no kind break the stream once", () => {
    const long = read(10);
    for (const frame of framesOf(["0123456789"])) long.take(frame);
    long.take(Buffer.from("more"));
    const foreign = read();
    foreign.take(Buffer.from([1, 0, 0, 0, 7, 0]));
    expect([long.broken(), long.lines, foreign.broken()]).toEqual([1, [], 1]);
  });
});
