import { describe, expect, it } from "vitest";
import { type FleetEvidence, judgeFleet } from "../../src/custody/fleet-verdict.ts";

const fresh: FleetEvidence = {
  recorded: null,
  known: null,
  adopting: false,
  hasKeys: false,
  kin: false,
};

describe("a database and a NATS", () => {
  it.each([
    ["both new", {}, "found"],
    ["of one fleet", { recorded: "a", known: "a", hasKeys: true }, "same"],
    ["of two fleets", { recorded: "a", known: "b" }, "mismatch"],
    ["a new database beside the NATS of a fleet", { known: "b" }, "mismatch"],
    ["a fleet without keys and a new NATS", { recorded: "a" }, "tell"],
    ["a fleet with keys and a new NATS", { recorded: "a", hasKeys: true }, "elsewhere"],
    ["keys of an older version and a new NATS", { hasKeys: true }, "elsewhere"],
    ["keys of an older version and the NATS of its hosts", { hasKeys: true, kin: true }, "found"],
    ["a start that ended between two writes", { recorded: "a", hasKeys: true, kin: true }, "tell"],
    [
      "a copy from before its fleet had an id, beside its hosts' NATS",
      { known: "b", kin: true },
      "found",
    ],
    ["adopted, and a new NATS", { recorded: "a", hasKeys: true, adopting: true }, "tell"],
    [
      "adopted, and the NATS of another",
      { recorded: "a", known: "b", adopting: true },
      "overwrite",
    ],
  ] as const)("are judged: %s", (_what, evidence, verdict) => {
    expect(judgeFleet({ ...fresh, ...evidence })).toBe(verdict);
  });
});
