import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBotToken } from "../../src/inputs/bot-token.ts";
import { readLoginCode } from "../../src/inputs/login-code.ts";
import { readMenuNumber } from "../../src/inputs/menu-number.ts";
import { readPeer } from "../../src/inputs/peer.ts";
import { readPhoneNumber } from "../../src/inputs/phone-number.ts";
import { readTime } from "../../src/inputs/time.ts";
import { plainText } from "../../src/inputs/plain-text.ts";
import { corpus } from "../corpus/read.ts";

interface Entry {
  readonly typed: string;
  readonly is?: unknown;
  readonly why?: string;
}

const outcomeOf = (read: { readonly value: unknown } | { readonly why: string }, entry: Entry) => {
  const found = "why" in read ? read.why : read.value;
  expect(found).toEqual(entry.why === undefined ? entry.is : expect.stringMatching(entry.why));
};
/** Marks that nobody sees, and blanks. */
const unseen = fc.constantFrom(
  "\u200e",
  "\u200f",
  "\u202a",
  "\u202c",
  "\u2068",
  "\u2069",
  "\u00ad",
  "\ufeff",
);
/** Zeros of Arabic, Persian, Devanagari, Thai, Burmese, full width, and of a row that ends where another begins. */
const zeros = [0x660, 0x6f0, 0x966, 0xe50, 0x1040, 0xff10, 0x116d0, 0x116da, 0x1e5f1];
const inScript = (digits: string, zero: number) =>
  digits.replaceAll(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));

describe("a phone number", () => {
  it.each(corpus("phone-numbers") as readonly Entry[])(
    "is read as it was meant: $typed",
    (entry) => {
      outcomeOf(readPhoneNumber(entry.typed), entry);
    },
  );

  it("is the same in every script and with whatever stands between its digits", () => {
    const between = fc.oneof(unseen, fc.constantFrom("", " ", "-", ".", "\u00a0", "\u2011", "/"));
    fc.assert(
      fc.property(
        fc.stringMatching(/^[1-9]\d{6,13}$/).filter((digits) => !/^(?:28|83|89)/.test(digits)),
        fc.constantFrom(0x30, ...zeros),
        fc.array(between, { minLength: 14, maxLength: 14 }),
        (digits, zero, marks) => {
          const typed = Array.from(digits)
            .map((digit, at) => `${digit}${marks[at]}`)
            .join("");
          expect(readPhoneNumber(`+${inScript(typed, zero)}`)).toEqual({ value: `+${digits}` });
          expect(readPhoneNumber(`00${inScript(typed, zero)}`)).toEqual({ value: `+${digits}` });
        },
      ),
    );
  });
});

describe("a login code", () => {
  it.each(corpus("login-codes") as readonly (Entry & { readonly words: boolean })[])(
    "is read as it was meant: $typed",
    ({ typed, words, is }) => {
      expect(readLoginCode(typed, words)).toBe(is);
    },
  );
});

describe("a bot's token", () => {
  it.each(corpus("bot-tokens") as readonly Entry[])(
    "is read as it was meant: $typed",
    ({ typed, is }) => {
      expect(readBotToken(typed)).toBe(is);
    },
  );
});

describe("a time", () => {
  const nowMs = 1_795_000_000_000;

  it.each(corpus("times") as readonly Entry[])(
    "is read as it was meant: $typed",
    ({ typed, is }) => {
      expect(readTime(typed, nowMs)).toBe(is);
    },
  );
});

describe("the number of a choice", () => {
  it.each(corpus("menu-numbers") as readonly Entry[])(
    "is read as it was meant: $typed",
    ({ typed, is }) => {
      expect(readMenuNumber(typed)).toBe(is);
    },
  );

  it("holds no letter, in whatever form that is meant", () => {
    const kept: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const letter = String.fromCodePoint(code);
      if (/\p{L}/u.test(letter) && /^[\d().:。]*$/u.test(plainText(letter))) kept.push(letter);
    }
    // Fillers, which nobody sees.
    expect(kept.filter((letter) => !/\p{Default_Ignorable_Code_Point}/u.test(letter))).toEqual([]);
    expect(kept.map((letter) => readMenuNumber(`2${letter}`))).toEqual(kept.map(() => 2));
  });
});

describe("whom a message is for", () => {
  it.each(corpus("peers") as readonly Entry[])("is read as it was meant: $typed", (entry) => {
    outcomeOf(readPeer(entry.typed), entry);
  });
});

describe("a plain text", () => {
  it("is plain already when it is read again", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 0xd7ff })), (points) => {
        const typed = String.fromCodePoint(...points);
        const plain = plainText(typed);
        expect(plainText(plain)).toBe(plain);
      }),
    );
  });

  it("has digits of every script as 0 to 9", () => {
    const scripts = zeros.map((zero) => plainText(inScript("0123456789", zero)));
    expect(new Set(scripts)).toEqual(new Set(["0123456789"]));
  });
});
