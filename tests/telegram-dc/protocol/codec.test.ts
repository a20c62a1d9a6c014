import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { decodeBoxed } from "../../../src/telegram-dc/protocol/tl/decode.ts";
import { encodeBoxed, encodeResult } from "../../../src/telegram-dc/protocol/tl/encode.ts";
import { createLayerRegistry } from "../../../src/telegram-dc/protocol/tl/layer-registry.ts";
import { createLayer, type Layer } from "../../../src/telegram-dc/protocol/tl/layer.ts";
import {
  loadBuiltInLayers,
  loadSchemaFile,
} from "../../../src/telegram-dc/protocol/tl/load-schemas.ts";
import { parseSchemaText } from "../../../src/telegram-dc/protocol/tl/schema-text.ts";
import { isTlObject } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import { TlError } from "../../../src/telegram-dc/protocol/tl/tl-error.ts";
import { TlReader } from "../../../src/telegram-dc/protocol/tl/tl-reader.ts";
import { TlWriter } from "../../../src/telegram-dc/protocol/tl/tl-writer.ts";
import type { TlObject, TlValue } from "../../../src/telegram-dc/seam.ts";

const SCHEMA = `
leaf#00000001 id:long name:string = Leaf;
emptyLeaf#00000002 = Leaf;
everything#00000003 flags:# on:flags.0?true count:flags.1?int ratio:flags.2?double raw:flags.3?bytes
  = Broken;
tree#00000004 flags:# flags2:# quiet:flags.0?true note:flags.1?string hash:flags2.3?int256 key:int128
  size:int big:long ratio:double ok:Bool leaf:flags2.0?Leaf leaves:Vector<Leaf> grid:Vector<Vector<int>>
  names:flags.31?Vector<string> bare:vector<leaf> = Tree;
---functions---
getTree#00000005 id:long = Tree;
getNumbers#00000006 = Vector<long>;
isThere#00000007 = Bool;
`.replaceAll("\n  ", " ");

const layer = createLayer(1, parseSchemaText(SCHEMA));
const builtIn = loadBuiltInLayers();

function encode(value: TlObject, to: Layer = layer): Buffer {
  const writer = new TlWriter();
  encodeBoxed(to, writer, value);
  return writer.finish();
}

function decode(wire: Buffer, from: Layer = layer): TlValue {
  return decodeBoxed(from, new TlReader(wire));
}

function decodeCode(wire: Buffer): string {
  try {
    decode(wire);
    return "TL_READ";
  } catch (error) {
    return error instanceof TlError ? error.code : String(error);
  }
}

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const text = fc.string({ unit: "binary", maxLength: 400 }).map((value) => value.toWellFormed());
function bytes(length: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((value) => Buffer.from(value));
}
const fullLeaf = fc.record({ _: fc.constant("leaf"), id: long, name: text });
const leaf = fc.oneof(fullLeaf, fc.constant({ _: "emptyLeaf" }));
function some<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined });
}
const tree = fc.record({
  _: fc.constant("tree"),
  quiet: some(fc.constant(true)),
  note: some(text),
  hash: some(bytes(32)),
  key: bytes(16),
  size: int,
  big: long,
  ratio: fc.double({ noNaN: true }),
  ok: fc.boolean(),
  leaf: some(leaf),
  leaves: fc.array(leaf, { maxLength: 5 }),
  grid: fc.array(fc.array(int, { maxLength: 4 }), { maxLength: 4 }),
  names: some(fc.array(text, { maxLength: 3 })),
  bare: fc.array(fullLeaf, { maxLength: 3 }),
});

function withoutFlags(value: TlValue): Record<string, unknown> {
  if (!isTlObject(value)) throw new Error("an object was expected");
  const { flags: _flags, flags2: _flags2, ...fields } = value;
  return fields;
}

describe("the TL codec", () => {
  it("reads back what it wrote, with flags, nested vectors and bare values", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const wire = encode(value);
        const expected = Object.fromEntries(
          Object.entries(value).filter(([, field]) => field !== undefined),
        );
        expect(withoutFlags(decode(wire))).toEqual(expected);
        expect(wire.length % 4).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("refuses or reads any cut message, and never reads beyond its end", () => {
    fc.assert(
      fc.property(tree, fc.nat(), (value, cut) => {
        const wire = encode(value);
        const shorter = wire.subarray(0, cut % wire.length);
        expect(() => decode(Buffer.from(shorter))).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^TL_/) }),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("fails on arbitrary bytes with its own errors only", () => {
    fc.assert(
      fc.property(fc.constantFrom(3, 4, 5), fc.uint8Array({ maxLength: 200 }), (id, rest) => {
        expect(decodeCode(Buffer.concat([Buffer.from([id, 0, 0, 0]), rest]))).toMatch(/^TL_/);
      }),
    );
  });

  it("refuses a vector that declares more elements than the message can hold", () => {
    const wire = Buffer.from("15c4b51cffffff7f", "hex");
    expect(() => decode(wire)).toThrow(/declares 2147483647 elements in 0 bytes/);
  });

  it("refuses a message that nests without end", () => {
    let wire = Buffer.from("02000000", "hex");
    for (let depth = 0; depth < 100; depth++) {
      wire = Buffer.concat([Buffer.from("15c4b51c01000000", "hex"), wire]);
    }
    expect(() => decode(wire)).toThrow(expect.objectContaining({ code: "TL_TOO_DEEP" }));
  });

  it("reads a packed value in place of a plain one", () => {
    const packed = gzipSync(encode({ _: "leaf", id: 7n, name: "x".repeat(1000) }));
    const wire = new TlWriter().uint(0x3072cfa1).bytes(packed).finish();
    expect(decode(wire)).toEqual({ _: "leaf", id: 7n, name: "x".repeat(1000) });
  });

  it("refuses a message that becomes too much, however it is packed", () => {
    const gzip = (value: Uint8Array) =>
      new TlWriter().uint(0x3072cfa1).bytes(gzipSync(value)).finish();
    const vector = (elements: readonly Uint8Array[]) =>
      Buffer.concat([new TlWriter().uint(0x1cb5c415).uint(elements.length).finish(), ...elements]);
    const isTrue = Buffer.from("b5757299", "hex");
    const packed = gzip(vector(Array.from({ length: 100_000 }, () => isTrue)));
    expect(decode(vector([packed, packed]))).toHaveLength(2);
    expect(() => decode(vector([packed, packed, packed]))).toThrow(
      expect.objectContaining({ code: "TL_TOO_LARGE" }),
    );
    const large = gzip(encode({ _: "leaf", id: 7n, name: "x".repeat(5 * 1024 * 1024) }));
    expect(decode(vector([large]))).toHaveLength(1);
    expect(() => decode(vector([large, large]))).toThrow(
      expect.objectContaining({ code: "TL_PACKED_INVALID" }),
    );
  });

  it("writes a method's result by its declared type", () => {
    const numbers = layer.methodByName.get("getNumbers");
    const isThere = layer.methodByName.get("isThere");
    const writer = new TlWriter();
    if (numbers !== undefined) encodeResult(layer, writer, numbers.result, [1, 2n]);
    if (isThere !== undefined) encodeResult(layer, writer, isThere.result, true);
    expect(writer.finish().toString("hex")).toBe(
      "15c4b51c0200000001000000000000000200000000000000b5757299",
    );
  });
});

describe("values that do not fit a layer", () => {
  it("writes the zero of a required number, string, Bool or vector that is missing", () => {
    const key = Buffer.alloc(16);
    expect(withoutFlags(decode(encode({ _: "tree", key })))).toEqual({
      _: "tree",
      key,
      size: 0,
      big: 0n,
      ratio: 0,
      ok: false,
      leaves: [],
      grid: [],
      bare: [],
    });
  });

  it("leaves out fields that the layer does not have", () => {
    expect(decode(encode({ _: "leaf", id: 1n, name: "n", later_field: 5 }))).toEqual({
      _: "leaf",
      id: 1n,
      name: "n",
    });
  });

  it("writes every field that shares a set bit", () => {
    const user = { _: "user", id: 7n, bot: true };
    const its = builtIn.resolve(198);
    expect(decode(encode(user, its), its)).toMatchObject({ bot: true, bot_info_version: 0 });
  });

  it("names the field when a required one has no zero", () => {
    expect(() => encode({ _: "tree" })).toThrow(/tree\.key .*required/);
  });

  it("names the field and the types when a value is of the wrong type", () => {
    expect(() => encode({ _: "leaf", id: "7", name: "n" })).toThrow(/leaf\.id .*long, not string/);
    const wrong = { _: "tree", key: Buffer.alloc(16), leaves: [{ _: "tree" }] };
    expect(() => encode(wrong)).toThrow(/tree\.leaves .*Leaf, not tree/);
  });

  it("names a constructor that the layer does not have", () => {
    expect(() => encode({ _: "futureThing" })).toThrow(
      expect.objectContaining({ code: "TL_UNKNOWN_NAME" }),
    );
  });
});

describe("layers", () => {
  const folder = mkdtempSync(join(tmpdir(), "telegram-dc-schema-"));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("come from what the installed client libraries ship", () => {
    expect(builtIn.layers).toEqual([198, 228]);
    for (const number of builtIn.layers) {
      const { methodByName, constructorByName } = builtIn.resolve(number);
      expect(methodByName.has("auth.signIn")).toBe(true);
      expect(constructorByName.has("updateNewMessage")).toBe(true);
    }
  });

  it("write the same user differently, each as its own library reads it", () => {
    const user = { _: "user", id: 7n, access_hash: 9n, first_name: "Ada", bot: true };
    for (const number of builtIn.layers) {
      const its = builtIn.resolve(number);
      expect(withoutFlags(decode(encode(user, its), its))).toMatchObject(user);
    }
    expect(encode(user, builtIn.resolve(198))).not.toEqual(encode(user, builtIn.resolve(228)));
  });

  it("fall back to the nearest known one, and of two equally near ones to the older", () => {
    const registry = createLayerRegistry([]);
    for (const number of [100, 110]) registry.add(number, parseSchemaText(SCHEMA));
    const nearest = [1, 100, 104, 105, 106, 999].map((wanted) => registry.resolve(wanted).layer);
    expect(nearest).toEqual([100, 100, 100, 100, 110, 110]);
  });

  it("are added from a .tl file that names its layer", () => {
    const path = join(folder, "a.tl");
    writeFileSync(path, `// LAYER 300\n${SCHEMA}`);
    const registry = createLayerRegistry([]);
    expect(loadSchemaFile(registry, path, 5)).toBe(300);
    expect(registry.resolve(300).methodByName.has("getTree")).toBe(true);
  });

  it("need their number from the caller when the file does not name it", () => {
    const path = join(folder, "b.tl");
    writeFileSync(path, SCHEMA);
    const registry = createLayerRegistry([]);
    expect(() => loadSchemaFile(registry, path)).toThrow(/does not say which layer/);
    expect(loadSchemaFile(registry, path, 301)).toBe(301);
  });

  it("are not taken from a file without definitions", () => {
    const path = join(folder, "c.tl");
    writeFileSync(path, "hello");
    expect(() => loadSchemaFile(createLayerRegistry([]), path, 1)).toThrow(
      expect.objectContaining({ code: "TL_SCHEMA_INVALID" }),
    );
  });
});
