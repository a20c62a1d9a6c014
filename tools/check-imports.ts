import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import type { Rule, RuleOf } from "./import-rule.ts";

const errors = "src/errors.ts";
const concurrency = "src/concurrency/";
/** The machine's own time, for adapters whose libraries live in it anyway. */
const systemClock = "src/adapters/system-clock.ts";
const below = ["machines/", "src/ports/", "src/custody/", concurrency, errors];

/** Imports point one way: machines ← ports ← engine, adapters ← main. */
const rules: readonly Rule[] = [
  { from: "machines/", to: ["machines/"], packages: ["xstate"] },
  { from: errors, to: [], packages: [] },
  { from: "src/concurrency/", to: ["src/concurrency/", errors], packages: [] },
  { from: "src/ports/", to: ["machines/", "src/ports/", errors], packages: ["node:stream"] },
  ...["src/engine/", "src/accounts/", "src/channels/", "src/commands/"].map((from) => ({
    from,
    to: [
      "machines/",
      "src/concurrency/",
      "src/ports/",
      "src/conversation/",
      "src/engine/",
      "src/accounts/",
      "src/channels/",
      "src/commands/",
      "src/custody/",
      errors,
    ],
    packages: ["xstate", "node:crypto"],
  })),
  {
    from: "src/conversation/",
    to: ["machines/", "src/ports/", "src/conversation/", errors],
    packages: [],
  },
  {
    from: "src/accounts/",
    to: [...below, "src/engine/", "src/accounts/", "src/channels/", "src/conversation/"],
    packages: ["xstate"],
  },
  {
    from: "src/channels/",
    to: [...below, "src/channels/", "src/conversation/"],
    packages: ["node:crypto"],
  },
  { from: "src/conversation/", to: [...below, "src/conversation/"], packages: ["node:crypto"] },
  {
    from: "src/custody/",
    to: ["machines/", "src/ports/", "src/custody/", concurrency, errors],
    packages: [],
  },
  { from: "src/bot.ts", to: ["src/bots/", "src/ports/", errors], packages: [] },
  {
    from: "src/testing.ts",
    to: ["src/engine/", "src/ports/", "src/telegram-dc/", errors],
    packages: [],
  },
  { from: "src/bots/", to: ["machines/", "src/ports/", "src/bots/", errors], packages: ["xstate"] },
  {
    from: "src/gate/",
    to: ["src/ports/", "src/gate/", "src/custody/", concurrency, errors],
    typesFrom: ["src/config/"],
    packages: null,
  },
  {
    from: "src/config/",
    to: ["src/config/", errors],
    packages: ["node:os", "node:fs", "node:path", "node:buffer"],
  },
  { from: "src/telegram-dc/", to: ["src/telegram-dc/"], packages: null },
  {
    from: "src/simulation/",
    to: [
      "machines/",
      "src/ports/",
      "src/custody/",
      "src/engine/",
      "src/simulation/",
      concurrency,
      errors,
    ],
    packages: ["xstate", "node:child_process", "node:url"],
  },
  ...[
    "src/main/",
    "src/node/",
    "src/cli/",
    "src/demo/",
    "src/embedded/",
    "src/chaos/",
    "src/bench/",
  ].map((from) => ({
    from,
    to: ["machines/", "src/"],
    packages: null,
  })),
];

/** An adapter knows its port and its driver: its own folder, and of another adapter only the types. */
function ruleForAdapter(file: string): Rule {
  const own = `${posix.dirname(file)}/`;
  return {
    from: own,
    to: ["machines/", "src/ports/", own, concurrency, systemClock, errors],
    typesFrom: ["src/config/", "src/adapters/"],
    packages: null,
  };
}

/** The rule of a file in the present layout; `wings.ts` has the table of the next one. */
export function rulesToday(file: string): Rule | undefined {
  if (file.startsWith("src/adapters/")) return ruleForAdapter(file);
  return rules.find(({ from }) => file === from || (from.endsWith("/") && file.startsWith(from)));
}

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
  ruleOf: RuleOf = rulesToday,
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
