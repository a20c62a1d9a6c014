import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../../src/adapters/telegram/node-crypto.ts";

describe("mtcute's cryptography on Node", () => {
  it("splits a product into its two primes, whatever the search starts with", async () => {
    const crypto = createNodeCrypto();
    // The smaller the primes, the more often one search alone finds 1 and the product: here every second time.
    for (let times = 0; times < 50; times++) {
      const [p, q] = await crypto.factorizePQ(Uint8Array.of(15));
      expect([...p, ...q]).toEqual([3, 5]);
    }
  });
});
