import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { anchorsOf, linksIn, sentencesIn, sourcesNamedIn, wordCount } from "../../tools/prose.ts";
import { trackedFiles } from "../../tools/tracked-files.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = trackedFiles(root).filter((file) => /^(?:[A-Z]+|docs\/.*)\.md$/.test(file));
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** Pages that are read from top to bottom; decisions may quote, and drawings are written by a program. */
const prose = pages.filter((file) => !/^docs\/(?:decisions|machines)\//.test(file));
const wordsMax = 25;

describe("the reading of prose", () => {
  it("sees sentences, and no fences, tables, headings or comments", () => {
    const page =
      "# A heading. It is none.\n\nOne sentence. `a.b.` is the\nsecond.\n\n```sh\nno. Not this.\n```\n| a. B | c |\n<!-- No. -->\n- an item\n- A [link](a.md) leads on: It ends.\n";
    expect(sentencesIn(page)).toEqual([
      { text: "One sentence.", words: 2 },
      { text: "code is the second.", words: 4 },
      { text: "an item", words: 2 },
      { text: "A link leads on:", words: 4 },
      { text: "It ends.", words: 2 },
    ]);
  });

  it("counts the words of tables and headings too", () => {
    expect(wordCount("# One two\n\n| three | – |\n\n```\nfour\n```\n")).toBe(3);
  });

  it("finds links within the repository, and the anchors that they may lead to", () => {
    expect(linksIn("[a](b.md#c), [d](https://e), `[f](g)`")).toEqual(["b.md#c"]);
    expect(anchorsOf("# Who, what?\ntext\n## The `code` API\n")).toEqual([
      "who-what",
      "the-code-api",
    ]);
  });
});

describe("the sources that a page names", () => {
  it("are files and folders of the repository, or files of a room by their short name", () => {
    const page =
      "`src/gate`, `src/accounts/login/`, `gate/journal`, `machines/lifecycle`, `a/b`, `npm ci`";
    expect(sourcesNamedIn(page, ["gate"])).toEqual([
      "src/gate",
      "src/accounts/login",
      "src/gate/journal.ts",
      "machines/lifecycle.ts",
    ]);
  });
});

describe("ARCHITECTURE.md", () => {
  const page = read("ARCHITECTURE.md");

  it("is one page: fewer than 900 words", () => {
    expect(wordCount(page)).toBeLessThan(900);
  });

  it("is told in sentences of at most 20 words on average", () => {
    const sentences = sentencesIn(page);
    const words = sentences.reduce((sum, sentence) => sum + sentence.words, 0);
    expect(sentences.length).toBeGreaterThan(20);
    expect(words / sentences.length).toBeLessThanOrEqual(20);
  });
});

describe("the documents", () => {
  it.each(prose)("are told in sentences of at most 25 words: %s", (file) => {
    const long = sentencesIn(read(file)).filter(({ words }) => words > wordsMax);
    expect(long).toEqual([]);
  });

  it.each(prose)("name the one who acts: %s", (file) => {
    const vague = /\b(?:who|what)ever\b|\b(?:some|no|any|every)body\b/i;
    expect(sentencesIn(read(file)).filter(({ text }) => vague.test(text))).toEqual([]);
  });

  it.each(pages)("hold no link that leads nowhere: %s", (file) => {
    const lost = linksIn(read(file)).filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? file : posix.normalize(posix.join(dirname(file), path));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(lost).toEqual([]);
  });

  it.each(pages)("name sources that exist: %s", (file) => {
    const rooms = readdirSync(join(root, "src"));
    const named = sourcesNamedIn(read(file), rooms);
    expect(named.filter((source) => !existsSync(join(root, source)))).toEqual([]);
  });

  it("are all reached from README.md by links", () => {
    const reached = new Set<string>();
    const follow = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const link of linksIn(read(file))) {
        const path = link.replace(/#.*/, "");
        const target = path === "" ? file : posix.normalize(posix.join(dirname(file), path));
        for (const page of pages)
          if (page === target || page.startsWith(`${target}/`)) follow(page);
      }
    };
    follow("README.md");
    const apart = (file: string) => file.startsWith("docs/bot-template/");
    expect(pages.filter((file) => !reached.has(file) && !apart(file))).toEqual([]);
  });
});
