import { deflateSync, gzipSync } from "node:zlib";
import { TlBinaryReader } from "@mtcute/core/utils.js";
import * as fc from "fast-check";
import { GZIPPacked } from "telegram/tl/core/index.js";
import { describe, expect, it } from "vitest";
import "../../../src/adapters/telegram/gramjs/wire.ts";
import { mendReader } from "../../../src/adapters/telegram/mtcute/mended-reader.ts";
import { createNodeCrypto } from "../../../src/adapters/telegram/node-crypto.ts";
import {
  depthMax,
  refuseBadPlainFrame,
  refuseLongFrame,
  WireBoundError,
} from "../../../src/adapters/telegram/wire-bounds.ts";
import { resPqFrame } from "../../fixtures/evil-telegram.ts";

const nonce = Buffer.alloc(16, 1);
const bytesMax = 16 * 1024 * 1024;

/** Whether a bound refused it; any other error is thrown on. */
function refuses(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof WireBoundError) return true;
    throw error;
  }
}

describe("a frame", () => {
  it("is refused by the length that it announces, from one byte too many on", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (bytes) => {
        expect(refuses(() => refuseLongFrame(bytes))).toBe(bytes > bytesMax);
      }),
    );
  });

  it("without a signature is refused when it is longer than any answer of a key exchange", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4097 - 8, maxLength: 8192 }), (rest) => {
        const frame = Buffer.concat([Buffer.alloc(8), rest]);
        expect(() => refuseBadPlainFrame(frame)).toThrow("unsigned frame");
      }),
    );
  });

  it("under a key passes, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        const frame = Buffer.concat([Buffer.alloc(8, 1), rest]);
        expect(() => refuseBadPlainFrame(frame)).not.toThrow();
      }),
    );
  });

  it("without a signature never does worse than be refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        const frame = Buffer.concat([Buffer.alloc(8), rest]);
        expect([true, false]).toContain(refuses(() => refuseBadPlainFrame(frame)));
      }),
    );
  });
});

describe("a pq", () => {
  it("of more than 8 bytes is refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 9, maxLength: 200 }), (pq) => {
        expect(() => refuseBadPlainFrame(resPqFrame(nonce, pq))).toThrow("pq came with");
      }),
    );
  });

  it.each(["ffffffffffffffc5", "0b", "02", "01", "00", ""])(
    "of %s is refused, as it is no product of two primes",
    (hex) => {
      const frame = resPqFrame(nonce, Buffer.from(hex, "hex"));
      expect(() => refuseBadPlainFrame(frame)).toThrow("no product of two primes");
    },
  );

  it("that is a product passes", () => {
    const digits = fc.bigInt({ min: 2n, max: 2n ** 31n });
    fc.assert(
      fc.property(digits, digits, (p, q) => {
        const hex = (p * q).toString(16);
        const pq = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
        expect(() => refuseBadPlainFrame(resPqFrame(nonce, pq))).not.toThrow();
      }),
    );
  });
});

describe("a packed object", () => {
  const unpackers: readonly [string, (packed: Uint8Array) => Uint8Array][] = [
    ["mtcute", (packed) => createNodeCrypto().gunzip(packed)],
    ["GramJS", (packed) => GZIPPacked.ungzip(Buffer.from(packed))],
  ];

  it.each(unpackers)("becomes no longer than the bound with %s", (_driver, unpack) => {
    const packed = gzipSync(Buffer.alloc(bytesMax));
    expect(unpack(packed)).toHaveLength(bytesMax);
    const longer = gzipSync(Buffer.alloc(bytesMax + 1));
    expect(() => unpack(longer)).toThrow("Cannot create a Buffer larger than");
  });

  it("is unpacked by GramJS whether it is gzip or zlib", () => {
    const text = Buffer.from("text");
    expect(GZIPPacked.ungzip(gzipSync(text))).toEqual(text);
    expect(GZIPPacked.ungzip(deflateSync(text))).toEqual(text);
  });
});

describe("mtcute's reader", () => {
  const vectorOf = (count: number, rest: Uint8Array): Uint8Array => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(0x1cb5c415);
    head.writeUInt32LE(count, 4);
    return Buffer.concat([head, rest]);
  };

  it("takes no more elements than the bytes can hold", () => {
    mendReader();
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.uint8Array({ maxLength: 64 }),
        (count, rest) => {
          const read = () =>
            TlBinaryReader.manual(vectorOf(count, rest)).vector(
              Reflect.get(TlBinaryReader.prototype, "string"),
            );
          expect(refuses(read)).toBe(count > rest.length / 4);
        },
      ),
    );
  });

  it("nests no deeper than the bound", () => {
    mendReader();
    const nested = (times: number): Uint8Array => {
      const one = Buffer.alloc(8);
      one.writeUInt32LE(0x1cb5c415);
      one.writeUInt32LE(1, 4);
      return Buffer.concat([...Array.from({ length: times }, () => one), Buffer.alloc(8)]);
    };
    const read = (times: number) => TlBinaryReader.deserializeObject({} as never, nested(times));
    expect(() => read(depthMax + 1)).toThrow("nests deeper");
    // The innermost is no object that the reader knows.
    expect(() => read(depthMax - 1)).toThrow("Unknown object");
  });
});
