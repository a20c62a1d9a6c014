import { describe, expect, it } from "vitest";
import { rowsIn, rowsWithoutTest } from "../../tools/check-rows.ts";

describe("the check of rows", () => {
  const documents = {
    table: "| id | promise |\n|---|---|\n| V1 | one |\n| V12 | two |\n",
    alarms: "labels: { severity: warning, threshold: O1-create-rate }",
  };

  it("finds the rows of the table and the thresholds of the alarms", () => {
    expect(rowsIn(documents)).toEqual(["V1", "V12", "O1-create-rate"]);
  });

  it("names the rows of which no test is", () => {
    const named = ['it("keeps one (V12)", () => {});', '  - name: "O1-create-rate: more"'];
    expect(rowsWithoutTest(rowsIn(documents), named)).toEqual(["V1"]);
    // Not in a title.
    expect(rowsWithoutTest(["V1"], ["// V1\nexpect(V1);"])).toEqual(["V1"]);
  });
});
