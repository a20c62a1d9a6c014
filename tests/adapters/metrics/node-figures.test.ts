import { expect, it } from "vitest";
import { createMetrics } from "../../../src/adapters/metrics/metrics.ts";
import { noFigures } from "../../fixtures/fleet-figures.ts";

const all = () => true;

/** Two accounts to which everything has happened. */
function busy() {
  const metrics = createMetrics([]);
  const { conversations } = metrics;
  for (const account of ["desk", "bot"]) {
    conversations.sessionDecision(account, "SESSION_CREATED_FIRST_CONTACT");
    conversations.sessionDecision(account, "SESSION_CREATED_AFTER_END");
    conversations.sessionDecision(account, "SESSION_REUSED");
    conversations.sessionDecision(account, "SESSION_WITH_HUMAN");
    conversations.sessionDecision(account, "SESSION_REUSED");
    conversations.directAction(account, "resolved");
    conversations.directAction(account, "stale");
    conversations.directAction(account, "empty");
    for (const sign of [
      "CONTEXT_LOST",
      "HISTORY_EMPTY",
      "RAPID_CREATES",
      "RAPID_CREATES_CRITICAL",
    ]) {
      conversations.healthSign(account, sign);
    }
    metrics.flood(account, 30);
  }
  for (const code of ["SESSION_INDEX_VIOLATED", "SESSION_CARRIED_ID_GONE", "INBOUND_LOST"]) {
    metrics.event({ type: "note", account: "desk", code, message: "" });
  }
  // The target itself is no slow one.
  for (const seconds of [0.001, 0.01, 0.011]) conversations.sessionLookup(seconds);
  conversations.partitionHeld(3, true);
  conversations.partitionHeld(4, false);
  metrics.unproven("lease");
  return metrics;
}

it("sums the metrics of every account for a person", async () => {
  expect(await busy().figures(all)).toEqual({
    sessionsCreated: 4,
    sessionsReused: 6,
    contextLost: 2,
    historyEmpty: 2,
    rapidCreates: 2,
    rapidCreatesPerMinute: 2,
    indexViolations: 1,
    sessionsGone: 1,
    actions: 6,
    actionsWithoutResult: 4,
    lookups: 3,
    lookupsSlow: 1,
    lookupSeconds: expect.closeTo(0.022),
    inboundLost: 1,
    partitionsHeld: 1,
    floodWaits: 2,
    floodSeconds: 60,
    unproven: 1,
  });
});

it("leaves out the accounts that the asker may not name", async () => {
  expect(await busy().figures((account) => account === "desk")).toMatchObject({
    sessionsCreated: 2,
    actions: 3,
    contextLost: 1,
    floodSeconds: 30,
    lookups: 3,
  });
});

it("are all 0 on a node to which nothing has happened", async () => {
  expect(await createMetrics([]).figures(all)).toEqual(noFigures);
});
