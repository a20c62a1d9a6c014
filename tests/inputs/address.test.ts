import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AddressKind } from "../../src/inputs/address-kinds.ts";
import {
  hostAndPort,
  httpTarget,
  readAddress,
  readAddresses,
  shownAddress,
} from "../../src/inputs/address.ts";
import { corpus } from "../corpus/read.ts";

interface Entry {
  readonly kind: AddressKind;
  readonly typed: string;
  readonly is?: Readonly<Record<string, unknown>>;
  readonly why?: string;
}

/** Of any characters but halves of pairs. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x1_ffff })))
  .map((points) => String.fromCodePoint(...points));

const entries = corpus("addresses") as readonly Entry[];

describe("an address", () => {
  it.each(entries.filter(({ is }) => is !== undefined))(
    "for $kind is read as it was meant: $typed",
    ({ typed, kind, is }) => {
      const read = readAddress(typed, kind);
      expect("value" in read && { ...read.value, password: read.value.password }).toEqual(is);
    },
  );

  it.each(entries.filter(({ is }) => is === undefined))(
    "for $kind is refused with the reason: $typed",
    ({ typed, kind, why = "" }) => {
      expect(readAddress(typed, kind)).toEqual({ why: expect.stringMatching(why) });
    },
  );

  it("keeps every user, password, host and port that are written as a URL writes them", () => {
    const host = fc.constantFrom("broker", "db_1.example.com", "10.0.0.7", "::1", "2001:db8::5");
    const part = anyText.filter((text) => text !== "");
    fc.assert(
      fc.property(
        part,
        part,
        host,
        fc.integer({ min: 1, max: 65_535 }),
        (user, password, at, port) => {
          const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
          const read = readAddress(`socks5://${login}@${hostAndPort({ host: at, port })}`, "proxy");
          expect("value" in read && { ...read.value, password: read.value.password }).toEqual({
            scheme: "socks5",
            user,
            password,
            host: at,
            port,
            rest: "",
          });
        },
      ),
    );
  });

  it("never shows its password, whatever is typed", () => {
    const kinds = ["nats", "postgres", "proxy", "http"] as const;
    fc.assert(
      fc.property(fc.constantFrom(...kinds), anyText, (kind, noise) => {
        const typed = `${kind}://ann:geheim${noise}@host:1/d`;
        const read = readAddress(typed, kind);
        const said =
          "why" in read ? read.why : `${shownAddress(read.value)} ${JSON.stringify(read.value)}`;
        expect(said.slice(0, said.indexOf('"rest"'))).not.toContain("geheim");
      }),
    );
  });

  it("stands in a list, each with its own parts", () => {
    const read = readAddresses("nats://up, tls://u:p@[::1]:80 ,three", "nats");
    expect("value" in read && read.value.map(shownAddress)).toEqual([
      "nats://up:4222",
      "tls://[::1]:80",
      "nats://three:4222",
    ]);
    expect(readAddresses("nats://up,,nats://down", "nats")).toEqual({
      why: "has a comma too many, with nothing beside it",
    });
  });

  it("of HTTP gives who asks to a header, and keeps them out of the URL", () => {
    expect(httpTarget("https://gate:p%40w@example.com/send?a=b")).toEqual({
      url: "https://example.com:443/send?a=b",
      headers: { authorization: `Basic ${Buffer.from("gate:p@w").toString("base64")}` },
    });
    expect(httpTarget("http://example.com")).toEqual({
      url: "http://example.com:80/",
      headers: {},
    });
    expect(() => httpTarget("nowhere")).toThrow("does not begin with https:// or http://");
  });
});
