import { describe, expect, it } from "vitest";
import { corpus } from "../corpus/read.ts";
import { createTelegramBench, type MakeDriver } from "../fixtures/telegram-bench.ts";

/** As UTF-8 carries them: a half of a pair does not cross the wire. */
const texts = (corpus("texts") as readonly { readonly text: string }[])
  .map(({ text }) => text.toWellFormed())
  .filter((text) => text.trim() !== "");

/** What people say, letter by letter. */
export function specifyTexts(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("a text", () => {
    it("comes and goes with each of its letters, a mark of bytes in front included", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      for (const text of texts) dc.phone.send("bob", { peer: "ada", text });
      const messages = () =>
        ada.pushed.flatMap((entry) => (entry?.update?.kind === "message" ? [entry.update] : []));
      await ada.until(() => messages().length === texts.length);
      expect(messages().map(({ text }) => text)).toEqual(texts);
      const { peer } = messages()[0]!;
      for (const [at, text] of texts.entries()) {
        await ada.client.send({ peer, text, randomId: `${at + 1}` });
      }
      expect(dc.ledger.messages({ to: bob.id }).map(({ text }) => text)).toEqual(texts);
    });
  });
}
