import { expect, it } from "vitest";
import { methodsTable } from "../../tools/manual-methods.ts";

it("the manual lists every method to renew, those first that need nobody", () => {
  const rows = methodsTable().split("\n").slice(2);
  expect(rows.map((row) => row.split(" | ").slice(0, 2).join(": "))).toEqual([
    "| `auto-code`: nobody",
    "| `handoff`: nobody",
    "| `bot-token`: nobody",
    "| `code`: a person types the code",
    "| `qr`: a person scans a QR code",
  ]);
});
