/** One sentence of a document, as a person reads it. */
export interface Sentence {
  readonly text: string;
  readonly words: number;
}

const wordsIn = (text: string): readonly string[] =>
  text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));

/** Fences, comments, tables, headings and pictures are not read as sentences. */
function paragraphsOf(markdown: string): readonly string[] {
  const prose = markdown
    .replaceAll(/^```[^]*?^```/gm, "\n")
    .replaceAll(/<!--[^]*?-->/g, "\n")
    .replaceAll(/^(?:\||#).*$/gm, "\n")
    .replaceAll(/^\s*(?:[-*]|\d+\.)\s+/gm, "\n\n");
  return prose
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replaceAll(/\s+/g, " "))
    .filter((paragraph) => paragraph !== "");
}

/** A code span is one word, a link is its text; neither ends a sentence. */
const spoken = (paragraph: string): string =>
  paragraph
    .replaceAll(/`[^`]*`/g, "code")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("*", "");

/** Sentences of a page's prose, in order. A colon before a list or a fence ends one too. */
export function sentencesIn(markdown: string): readonly Sentence[] {
  return paragraphsOf(markdown)
    .flatMap((paragraph) => spoken(paragraph).split(/(?<=[.?!:])["')]?\s+(?=[\p{Lu}"(\d]|code)/u))
    .map((text) => ({ text: text.trim(), words: wordsIn(text).length }))
    .filter(({ words }) => words > 0);
}

/** Words of a page, its tables and headings included, fences and comments not. */
export function wordCount(markdown: string): number {
  const told = markdown.replaceAll(/^```[^]*?^```/gm, "\n").replaceAll(/<!--[^]*?-->/g, "\n");
  return wordsIn(told).length;
}

/** Targets of links within the repository, without those to other hosts. */
export function linksIn(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```[^]*?^```/gm, "\n").replaceAll(/`[^`]*`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Anchors that a page offers, as they are made from its headings. */
export function anchorsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
}

/**
 * Files and folders of the sources that a page names in code spans, such as `src/gate` and `channels/telegram/cursor`,
 * which is short for a file of `src/`.
 * @param rooms the folders of `src/`
 */
export function sourcesNamedIn(markdown: string, rooms: readonly string[]): readonly string[] {
  const spans = [...markdown.matchAll(/`([\w.-]+(?:\/[\w.-]+)+)\/?`/g)].map(([, span]) => span!);
  return spans.flatMap((span) => {
    const [first = ""] = span.split("/");
    if (["src", "machines", "tests", "tools", "migrations", "bin"].includes(first)) {
      return first === "machines" && !span.endsWith(".ts") ? [`${span}.ts`] : [span];
    }
    return rooms.includes(first) ? [`src/${span}.ts`] : [];
  });
}
