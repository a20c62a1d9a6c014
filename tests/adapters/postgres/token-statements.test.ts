import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type TokenEvent, tokenMachine, tokenRules } from "../../../machines/token.ts";
import { tokenStatements } from "../../../src/adapters/postgres/token-statements.ts";
import { changedToken } from "../../fixtures/models/changed-token.ts";

const statements = tokenStatements(tokenRules(tokenMachine));
const adapters = new URL("../../../src/adapters/postgres/", import.meta.url);

/** The conditions on a token's state, and the states that are set, in the order of the text. */
const statesIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?:t\.|tokens\.)?state (?:=|<>|in|not in) (?:'[a-z]+'|\([^)]*\))/g)].map(
    ([found]) => found,
  );

describe("the statements of tokens", () => {
  it.each([
    [statements.grant, ["state = 'granted'", "tokens.state = 'free'"]],
    [statements.supersede, ["tokens.state = 'granted'"]],
    [statements.connected, ["state = 'connected'", "state = 'granted'"]],
    [statements.drain, ["state = 'draining'", "state = 'connected'"]],
    [statements.released, ["state = 'free'", "state in ('granted', 'connected', 'draining')"]],
    [statements.releaseAll, ["t.state in ('granted', 'connected', 'draining')", "state = 'free'"]],
    [statements.revoke, ["state <> 'revoked'", "state = 'revoked'"]],
    [statements.silence, ["state = 'free'"]],
    [statements.isFree("t.state"), ["t.state = 'free'"]],
    [statements.mayDrain("t.state"), ["t.state = 'connected'"]],
    [statements.mayWrite("t.state"), ["t.state in ('connected', 'draining')"]],
  ])(
    "leave and enter the states that they did before they came from a machine: %#",
    (text, states) => {
      expect(statesIn(text)).toEqual(states);
    },
  );

  it("tell apart the states that an event enters by the one that it leaves", () => {
    const machine = changedToken({
      granted: { on: { drain: { guard: "ofThisEpoch", target: "connected" } } },
    });
    expect(tokenStatements(tokenRules(machine)).drain).toContain(
      "state = case tokens.state when 'granted' then 'connected' when 'connected' then 'draining' end",
    );
  });

  it("leave alone what a revocation does not reach, also once the holder is silent", () => {
    const machine = changedToken({ draining: { on: { revoked: null } } });
    const { revoke, silence } = tokenStatements(tokenRules(machine));
    expect(statesIn(revoke)[0]).toBe("state not in ('draining', 'revoked')");
    expect(statesIn(silence)[0]).toBe("state <> 'draining'");
  });

  it.each([
    {
      rule: "a guard that no statement tells",
      machine: changedToken({
        granted: { on: { released: { target: "free", actions: "forgetHolder" } } },
      }),
    },
    {
      rule: "an action that no statement does",
      machine: changedToken({
        granted: { on: { released: { target: "free", guard: "ofThisEpoch" } } },
      }),
    },
    {
      rule: "an event without a statement",
      machine: changedToken({
        granted: { on: { ["forgotten" as TokenEvent["type"]]: { target: "free" } } },
      }),
    },
  ])("are refused for a machine with $rule", ({ machine }) => {
    expect(() => tokenStatements(tokenRules(machine))).toThrow(
      expect.objectContaining({ code: "TOKEN_RULES_UNKNOWN" }),
    );
  });

  it("are the only text of the adapter that names a token's state", () => {
    const own = "token-statements.ts";
    const { states } = tokenRules(tokenMachine);
    const naming = readdirSync(adapters)
      .filter((file) => file !== own && file.endsWith(".ts"))
      .filter((file) => {
        const source = readFileSync(new URL(file, adapters), "utf8");
        return states.some((state) => source.includes(`'${state}'`));
      });
    expect(naming).toEqual([]);
  });
});
