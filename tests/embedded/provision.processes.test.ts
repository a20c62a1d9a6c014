import { afterEach, beforeEach, expect, it } from "vitest";
import { createSealKey } from "../../src/adapters/crypto/curve-seal.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { startTelegramDc, type TelegramDc } from "../../src/telegram-dc/telegram-dc.ts";
import { testNats } from "../fixtures/nats.ts";

let dc: TelegramDc;
beforeEach(async () => {
  dc = await startTelegramDc({ controlPort: 0 });
});
afterEach(() => dc.close());

it("names the node that does not answer while the example accounts are set up, and the way out", async () => {
  const setUp = provisionExampleAccounts({
    nats: testNats(),
    control: { url: dc.controlUrl!, token: dc.controlToken! },
    sealKey: createSealKey().publicKey,
  });
  await expect(setUp).rejects.toMatchObject({
    code: "EXAMPLE_NOT_ANSWERED",
    message: expect.stringMatching(/example account site-\w+ .* "add", asked for 10 s at most/),
    next: expect.stringContaining("npm start"),
  });
});
