import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Ban {
  readonly pattern: RegExp;
  readonly why: string;
  /** Exempt files. */
  readonly except?: RegExp;
}

const bans: readonly Ban[] = [
  {
    pattern: /(?<![\w.~}$])\/(?:root|work|home\/\w+|Users\/\w+)\/\w/,
    why: "an absolute path of one machine; take it from the environment or from a folder passed in",
  },
  {
    pattern: /\bregistry\.[a-z-]+\.(?:org|com)\b|"resolved":\s*"http/,
    why: "a registry's address; packages go by name and version",
  },
  {
    pattern: /\b(?:TODO|FIXME)\b/,
    why: "an intention; finish it or leave it out",
    except: /^tools\/check-words\.ts$/,
  },
];

/** A machine is one expression, and its states read together. */
const linesMaxOf = (file: string): number => (file.startsWith("machines/") ? 600 : 350);

function wordsIn(file: string, text: string): readonly string[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      bans
        .filter(({ pattern, except }) => pattern.test(line) && except?.test(file) !== true)
        .map(({ why }) => `${file}:${index + 1}: ${why}`),
    );
}

/** Breaches of the forbidden words and of the length of a source file; one line each. */
export function checkWords(root: string, files: readonly string[]): readonly string[] {
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const linesMax = linesMaxOf(file);
    const length = text.split("\n").length - 1;
    const isLong = /^(src|machines|tests|tools)\/.*\.ts$/.test(file) && length > linesMax;
    return [
      ...wordsIn(file, text),
      ...(isLong ? [`${file}:${linesMax}: ${length} lines; split it by what it does`] : []),
    ];
  });
}
