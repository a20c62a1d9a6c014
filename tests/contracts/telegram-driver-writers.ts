import { describe, expect, it } from "vitest";
import type { AccountUpdate } from "../../src/ports/telegram/telegram.ts";
import {
  createTelegramBench,
  type MakeDriver,
  type OpenedClient,
} from "../fixtures/telegram-bench.ts";

const updatesOf = ({ pushed }: OpenedClient): AccountUpdate[] =>
  pushed.flatMap((entry) => entry?.update ?? []);

/** What a client tells of the users who write. */
export function specifyWriters(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("who writes", () => {
    it("is told with the time, in pushes, presses, differences and history", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({
        firstName: "Bob",
        lastName: "Martin",
        username: "bob",
        langCode: "fr",
      });
      const helper = await bench.bot(dc, "helper_bot");
      const from = await helper.client.cursor();
      dc.phone.send("bob", { peer: "helper_bot", text: "/start" });
      await helper.until(() => updatesOf(helper).length === 1);
      const told = { name: "Bob Martin", username: "bob", language: "fr" };
      const [pushed] = updatesOf(helper);
      const date = dc.phone.messages("bob", { peer: "helper_bot" }).at(-1)!.dateS;
      expect(pushed).toMatchObject({ from: told, date, peer: { userId: `${bob.id}` } });

      const peer = pushed!.peer;
      const buttons = [{ label: "Sites", data: "sites" }];
      await helper.client.send({ peer, text: "What now?", buttons, randomId: "1" });
      const shown = dc.phone.messages("bob", { peer: "helper_bot" }).at(-1)!;
      const answer = dc.phone.press("bob", { messageId: shown.id, button: "Sites" });
      await helper.until(() => updatesOf(helper).some(({ kind }) => kind === "tap"));
      const tap = updatesOf(helper).find((update) => update.kind === "tap")!;
      expect(tap.from).toEqual(told);
      await helper.client.answerTap(tap.queryId);
      await answer;

      const difference = await helper.client.difference(from);
      expect(difference).toMatchObject({ updates: [{ text: "/start", from: told, date }, {}] });
    });

    it("is told to a person's account without a language, and without a username that is not there", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", langCode: "fr" });
      const ada = await bench.person(dc, "ada");
      dc.phone.send(String(bob.id), { peer: "ada", text: "hello" });
      await ada.until(() => updatesOf(ada).length === 1);
      const [update] = updatesOf(ada);
      expect(update!.from).toEqual({ name: "Bob" });
      const [read] = await ada.client.history(update!.peer, { limit: 1 });
      expect(read!.from).toEqual({ name: "Bob" });
    });
  });
}
