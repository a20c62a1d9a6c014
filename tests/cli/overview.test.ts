import { describe, expect, it } from "vitest";
import { type FleetSeen, overview } from "../../src/cli/overview.ts";
import { noAccounts, nothingStored } from "../fixtures/fleet-figures.ts";

const two = { ...noAccounts, states: { active: 2 } };

const fleet: FleetSeen = {
  hosts: [{ host: "one", state: "serving" }],
  accounts: two,
  stored: nothingStored,
  asking: [],
};

const linesOf = (seen: FleetSeen) => overview(seen, null).split("\n");
const nextOf = (seen: FleetSeen) => linesOf(seen).at(-1);

describe("the fleet at a glance", () => {
  it("of a fleet in which nothing is wrong is five lines", () => {
    expect(overview(fleet, null)).toBe(
      [
        "hosts          1 serving: one",
        "accounts       2: 2 active",
        "conversations  0 active, 0 with a person",
        "replies        0 waiting, 0 given up; 0 messages set aside",
        "Next: npx holdfast metrics",
      ].join("\n"),
    );
  });

  it("without accounts says how to add one", () => {
    expect(linesOf({ ...fleet, accounts: noAccounts })).toEqual(
      expect.arrayContaining([
        "accounts       none yet",
        "Next: npx holdfast add <name> --kind bot",
      ]),
    );
  });

  it("names the question of an account first, and the command that answers it", () => {
    const asking = [{ account: "desk", question: { of: "6f1c", kind: "code" as const } }];
    const troubled = [{ name: "desk", state: "unauthorised.authorising", code: null }];
    const lines = linesOf({ ...fleet, asking, accounts: { ...two, notServing: 1, troubled } });
    const command = "npx holdfast answer desk --of 6f1c --kind code";
    expect(lines.slice(4)).toEqual([`! desk asks for a code: ${command}`, `Next: ${command}`]);
  });

  it("types nothing for a QR code: it is shown where it was asked for", () => {
    const asking = [{ account: "desk", question: { of: "6f1c", kind: "qr" as const } }];
    expect(nextOf({ ...fleet, asking })).toBe("Next: npx holdfast status desk");
  });

  it.each([
    ["quarantined", "npx holdfast recover desk"],
    ["unauthorised.waiting", "npx holdfast auth desk"],
    ["fenced", "npx holdfast status desk"],
  ])("of an account that is %s names the way back: %s", (state, command) => {
    const troubled = [{ name: "desk", state, code: "KEY_DEAD" }];
    const seen = { ...fleet, accounts: { ...two, notServing: 1, troubled } };
    expect(linesOf(seen)).toContain(`! desk is ${state} (KEY_DEAD): ${command}`);
    expect(nextOf(seen)).toBe(`Next: ${command}`);
  });

  it("tells what waits for a person", () => {
    const stored = {
      ...nothingStored,
      sessions: { ...nothingStored.sessions, active: 7, escalated: 2 },
      setAside: 3,
      replies: { waiting: 4, oldestMs: 1, givenUp: 5 },
    };
    expect(linesOf({ ...fleet, stored })).toEqual([
      "hosts          1 serving: one",
      "accounts       2: 2 active",
      "conversations  7 active, 2 with a person",
      "replies        4 waiting, 5 given up; 3 messages set aside",
      "! 2 conversation(s) wait for a person: npx holdfast conversation list",
      "! 3 message(s) are set aside: npx holdfast conversation list",
      "! 5 replies were given up: npx holdfast replies list",
      "Next: npx holdfast conversation list",
    ]);
  });

  it("names hosts that went without a word", () => {
    const hosts = [
      { host: "one", state: "serving" },
      { host: "three", state: "not-serving" },
      { host: "two", state: "revoked" },
    ] as const;
    const lines = linesOf({ ...fleet, hosts });
    expect(lines[0]).toBe("hosts          1 serving: one; 2 not serving");
    expect(lines).toContain("! 1 host(s) went without a word: npx holdfast hosts");
  });

  it("never has more than ten lines, and says how many are left out", () => {
    const troubled = Array.from({ length: 20 }, (_, n) => ({
      name: `a${n}`,
      state: "quarantined",
      code: null,
    }));
    const seen = { ...fleet, accounts: { ...two, notServing: 25, quarantined: 25, troubled } };
    const lines = linesOf(seen);
    expect(lines).toHaveLength(10);
    // Of 21 needs four are shown; the last of them stands for five accounts.
    expect(lines[8]).toBe("! and 17 more: npx holdfast status");
    const five = { ...seen, accounts: { ...two, notServing: 5, troubled: troubled.slice(0, 5) } };
    expect(linesOf(five)).toHaveLength(10);
    expect(linesOf(five).join()).not.toContain("more:");
  });

  it("cuts figures to the screen, and never a command", () => {
    const states = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`state-${n}`, 1]));
    const asking = [{ account: "desk", question: { of: "6f1c", kind: "code" as const } }];
    const lines = overview({ ...fleet, asking, accounts: { ...two, states } }, 40).split("\n");
    expect(lines[1]).toHaveLength(40);
    expect(lines.at(-1)).toBe("Next: npx holdfast answer desk --of 6f1c --kind code");
  });
});
