import type { Rule } from "./import-rule.ts";

/** A folder of `src`, or a file beside them, and what it may import. */
export interface Wing {
  /** With a trailing slash, or a file. */
  readonly at: string;
  /** The wings below it that it may import; without this: all of them. */
  readonly only?: readonly string[];
  /** Wings of which it may import types, wherever they stand. */
  readonly typesFrom?: readonly string[];
  /** Packages, `node:` ones included; null: any. */
  readonly packages: readonly string[] | null;
}

/** What every wing of the product stands on. */
const ground = [
  "src/ports/",
  "src/inputs/",
  "src/concurrency/",
  "machines/",
  "src/files.ts",
  "src/errors.ts",
  "src/http-guard.ts",
  "src/http-listen.ts",
  "src/http-signature.ts",
] as const;
const config = "src/config/";

/**
 * The wings from the top to the bottom. A wing imports itself and what stands below it, never above; so there is no
 * circle of wings. The first that matches a file is its wing.
 */
export const wings: readonly Wing[] = [
  // The proofs run everything, and nothing runs them.
  { at: "src/proof/simulation/main.ts", packages: null },
  // The engine is put together as a node does it, over simulated servers.
  {
    at: "src/proof/simulation/engine/",
    only: [
      "src/node/",
      "src/commands/",
      "src/channels/",
      "src/conversation/",
      "src/accounts/",
      "src/custody/",
      "src/config/",
      "src/adapters/postgres/",
      "src/adapters/nats/",
      "src/proof/simulation/",
      ...ground,
    ],
    packages: ["@nats-io/jetstream", "node:stream"],
  },
  {
    at: "src/proof/simulation/",
    only: ["src/accounts/", "src/custody/", ...ground],
    packages: ["xstate", "node:child_process", "node:url"],
  },
  { at: "src/proof/", packages: null },
  // The entry for bot authors.
  {
    at: "src/testing.ts",
    only: ["src/telegram-dc/", "src/conversation/", ...ground],
    packages: [],
  },
  { at: "src/bot.ts", only: ["src/bots/", "src/ports/", "src/errors.ts"], packages: [] },
  // A house of its own.
  { at: "src/telegram-dc/", only: ["src/http-guard.ts"], packages: null },
  // Programs, and the composition root.
  { at: "src/main/", packages: null },
  { at: "src/cli/", packages: null },
  { at: "src/demo/", packages: null },
  { at: "src/embedded/", packages: null },
  { at: "src/node/", packages: null },
  // A bot's own process.
  {
    at: "src/bot-process/",
    only: ["src/adapters/bots/", "src/conversation/", ...ground],
    packages: ["node:async_hooks", "node:fs", "node:module", "node:net", "node:url"],
  },
  // The contact with the world outside.
  { at: "src/adapters/", only: ground, typesFrom: [config], packages: null },
  { at: "src/gate/", only: ["src/custody/", ...ground], typesFrom: [config], packages: null },
  { at: "src/bots/", only: ["src/ports/", "machines/", "src/errors.ts"], packages: ["xstate"] },
  {
    at: config,
    only: ["src/ports/", "src/inputs/", "src/errors.ts"],
    packages: ["node:os", "node:fs", "node:path", "node:buffer"],
  },
  // The work of the product.
  { at: "src/commands/", packages: ["xstate", "zod", "node:crypto"] },
  { at: "src/accounts/", packages: ["xstate", "node:crypto"] },
  {
    at: "src/channels/",
    typesFrom: [config],
    packages: ["xstate", "pino", "node:crypto", "node:http", "node:net"],
  },
  { at: "src/conversation/", packages: ["xstate", "node:crypto"] },
  { at: "src/custody/", packages: [] },
  // The ground.
  { at: "src/ports/", packages: ["node:stream"] },
  { at: "src/inputs/", only: ["src/errors.ts"], packages: ["node:buffer"] },
  { at: "src/concurrency/", packages: [] },
  { at: "machines/", only: [], packages: ["xstate"] },
  { at: "src/files.ts", packages: ["node:url"] },
  { at: "src/http-listen.ts", only: ["src/errors.ts"], packages: ["node:http"] },
  { at: "src/errors.ts", packages: [] },
  { at: "src/http-guard.ts", packages: ["node:crypto", "node:http", "node:net"] },
  { at: "src/http-signature.ts", packages: ["node:crypto"] },
];

const adapters = "src/adapters/";

/** An adapter knows its port and its driver: the folder of its kind, and of another kind only the types. */
function ruleOfAdapter(file: string, { typesFrom = [], packages }: Wing): Rule {
  const [kind = "", ...rest] = file.slice(adapters.length).split("/");
  const own = `${adapters}${kind}${rest.length === 0 ? "" : "/"}`;
  return { from: own, to: [...ground, own], typesFrom: [...typesFrom, adapters], packages };
}

/** The rule of a file, from its wing. */
export function wingRules(file: string): Rule | undefined {
  const at = wings.findIndex(
    (wing) => file === wing.at || (wing.at.endsWith("/") && file.startsWith(wing.at)),
  );
  const wing = wings[at];
  if (wing === undefined) return undefined;
  if (wing.at === adapters) return ruleOfAdapter(file, wing);
  return {
    from: wing.at,
    to: [wing.at, ...(wing.only ?? wings.slice(at + 1).map((below) => below.at))],
    ...(wing.typesFrom !== undefined && { typesFrom: wing.typesFrom }),
    packages: wing.packages,
  };
}
