import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { refusal } from "../../tools/check-imports.ts";
import { wingRules, wings } from "../../tools/wings.ts";

const asked = (file: string, specifier: string, isType = false) => {
  const rule = wingRules(file);
  return rule === undefined ? "no rule" : refusal(file, rule, { specifier, isType, line: 1 });
};

const to = (file: string, target: string) => `./${posix.relative(posix.dirname(file), target)}`;

describe("the wings", () => {
  const files = wings.map(({ at }) => (at.endsWith("/") ? `${at}any.ts` : at));

  it("refuse every import from a lower wing to a higher one", () => {
    const allowed = files.flatMap((low, n) =>
      files
        .slice(0, n)
        .filter((high) => asked(low, to(low, high)) === null)
        .map((high) => `${low} → ${high}`),
    );
    // The simulation's programs lie in the simulation, and the simulation in the proofs.
    expect(allowed).toEqual([
      "src/proof/simulation/engine/any.ts → src/proof/simulation/main.ts",
      "src/proof/simulation/any.ts → src/proof/simulation/main.ts",
      "src/proof/simulation/any.ts → src/proof/simulation/engine/any.ts",
      "src/proof/any.ts → src/proof/simulation/main.ts",
      "src/proof/any.ts → src/proof/simulation/engine/any.ts",
      "src/proof/any.ts → src/proof/simulation/any.ts",
    ]);
  });

  it("name only wings, or rooms of wings, that stand below", () => {
    const indexOf = (name: string) => wings.findIndex(({ at }) => name.startsWith(at));
    for (const [n, { only = [] }] of wings.entries())
      expect(only.filter((name) => indexOf(name) <= n)).toEqual([]);
  });

  it.each([
    ["src/conversation/turns/run.ts", "../../accounts/context.ts"],
    ["src/conversation/turns/run.ts", "../../adapters/nats/server.ts"],
    ["src/custody/claims.ts", "../gate/wire.ts"],
    ["src/ports/custody/gate.ts", "../../custody/claims.ts"],
    ["src/adapters/nats/a.ts", "../../conversation/turns/run.ts"],
    ["src/adapters/nats/a.ts", "../postgres/b.ts"],
    ["src/gate/a.ts", "../conversation/b.ts"],
    ["src/telegram-dc/a.ts", "../errors.ts"],
    ["src/main/a.ts", "../proof/chaos/main.ts"],
    ["src/node/a.ts", "../main/cli.ts"],
    ["src/proof/simulation/a.ts", "node:fs"],
    ["machines/a.ts", "../src/errors.ts"],
    ["src/elsewhere/a.ts", "../errors.ts"],
  ])("refuse that %s imports %s", (file, specifier) => {
    expect(asked(file, specifier)).not.toBeNull();
  });

  it.each([
    ["src/main/a.ts", "../node/node.ts"],
    ["src/node/a.ts", "../adapters/nats/b.ts"],
    ["src/commands/a.ts", "../accounts/b.ts"],
    ["src/accounts/a.ts", "../channels/telegram/b.ts"],
    ["src/channels/a.ts", "../conversation/outbox/b.ts"],
    ["src/conversation/a.ts", "../custody/b.ts"],
    ["src/custody/a.ts", "../ports/custody/b.ts"],
    ["src/ports/a.ts", "../concurrency/clock.ts"],
    ["src/adapters/telegram/mtcute/a.ts", "../session-blob.ts"],
    ["src/adapters/telegram/mtcute/a.ts", "../../../ports/telegram/telegram.ts"],
    ["src/gate/a.ts", "../custody/b.ts"],
    ["src/proof/chaos/a.ts", "../../telegram-dc/b.ts"],
  ])("let %s import %s", (file, specifier) => {
    expect(asked(file, specifier)).toBeNull();
  });

  it("let an adapter, a gate and a channel take types of the configuration, not values", () => {
    for (const wing of ["adapters/nats", "gate", "channels"]) {
      const file = `src/${wing}/a.ts`;
      const target = to(file, "src/config/config.ts");
      expect([asked(file, target, true), asked(file, target)]).toEqual([null, expect.any(String)]);
    }
  });
});
