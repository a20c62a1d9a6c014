import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import type { Rule, RuleOf } from "./import-rule.ts";
import { wingRules } from "./wings.ts";

interface Import {
  readonly specifier: string;
  readonly isType: boolean;
  /** From 1. */
  readonly line: number;
}

const importStatement =
  /(?:^|[\n;])\s*(?:import|export)\s+(?<type>type\s)?(?:[^"'();]*?\sfrom\s+)?["'](?<static>[^"']+)["']|\bimport\(\s*["'](?<dynamic>[^"']+)["']/g;

export function importsIn(source: string): readonly Import[] {
  return [...source.matchAll(importStatement)].map((match) => {
    const specifier = match.groups?.["static"] ?? match.groups?.["dynamic"] ?? "";
    const at = match.index + match[0].lastIndexOf(specifier);
    return {
      specifier,
      isType: match.groups?.["type"] !== undefined,
      line: source.slice(0, at).split("\n").length,
    };
  });
}

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

const within = (target: string, places: readonly string[]): boolean =>
  places.some((place) => target === place || (place.endsWith("/") && target.startsWith(place)));

/** Why a file may not import something; null where it may. */
export function refusal(file: string, rule: Rule, { specifier, isType }: Import): string | null {
  if (!specifier.startsWith(".")) {
    if (rule.packages === null || rule.packages.includes(packageOf(specifier))) return null;
    return `${rule.from} may import the packages ${rule.packages.join(", ") || "(none)"}, not ${specifier}; move what needs it into an adapter behind a port`;
  }
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (within(target, rule.to)) return null;
  if (isType && within(target, rule.typesFrom ?? [])) return null;
  return `${rule.from} may import ${rule.to.join(", ") || "nothing"}, not ${target}; pass it in from src/main, or move the shared part to where both may look`;
}

/** Breaches of the import rule, one line each: `file:line: rule and remedy`. */
export function checkImports(
  root: string,
  files: readonly string[],
  ruleOf: RuleOf = wingRules,
): readonly string[] {
  const breaches: string[] = [];
  let read = 0;
  for (const file of files.filter((name) => /^(machines|src)\/.*\.ts$/.test(name))) {
    const rule = ruleOf(file);
    if (rule === undefined) {
      breaches.push(
        `${file}:1: ${dirname(file)} has no import rule; add one to the table of tools/`,
      );
      continue;
    }
    for (const found of importsIn(readFileSync(join(root, file), "utf8"))) {
      read += 1;
      const reason = refusal(file, rule, found);
      if (reason !== null) breaches.push(`${file}:${found.line}: ${reason}`);
    }
  }
  if (read === 0) breaches.push("no import was read: the check looks at nothing");
  return breaches;
}
