import { describe, expect, it } from "vitest";
import { closing, lineAt, readSource } from "../../tools/source-text.ts";

describe("reading a source", () => {
  it.each([
    ["a comment", "a; // b\nc;", "a;     \nc;"],
    ["a comment over lines", "a; /* b\n c */ d;", "a;     \n      d;"],
    ["a string", 'a("b // c");', 'a("      ");'],
    ["a template, and the code in it", "`a {${b(`c`)} d`;", "`   ${b(` `)}  `;"],
    ["braces in a template's code", "`${{ a: `}` }.a}b`; c", "`${{ a: ` ` }.a} `; c"],
    ["a regular expression", "a = /[/\"'`]b/g; c", "a =           ; c"],
  ])("leaves %s out of the bare text, which keeps its length and lines", (_what, text, bare) => {
    const read = readSource(text);
    expect([read.code, read.comments].map(({ length }) => length)).toEqual([
      text.length,
      text.length,
    ]);
    expect(read.bare).toBe(bare);
  });

  it("takes a slash behind a value for a division", () => {
    expect(readSource('a / b / c; "d"').literals).toEqual([{ value: "d", start: 11, end: 14 }]);
  });

  it("keeps strings in the code, and comments apart", () => {
    const { code, comments } = readSource('a("b"); // "c"');
    expect(code.trimEnd()).toBe('a("b");');
    expect(comments.trim()).toBe('// "c"');
  });

  it("counts lines from 1 and finds the bracket that closes", () => {
    expect([lineAt("a\nb", 0), lineAt("a\nb", 2)]).toEqual([1, 2]);
    expect(closing("f({ a: [1] }) b", 1)).toBe(13);
  });
});
