import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { textsOf } from "../../src/conversation/turns/packed-session.ts";
import { HoldfastError } from "../../src/errors.ts";
import type { BotRunner } from "../../src/ports/conversation/bot-runner.ts";
import { answerOf, bodiesOf, emptySession, materialOf } from "../fixtures/turn-material.ts";

/** @param open runs `tests/fixtures/bots/contract-bot.ts` */
export function describeBotRunner(
  where: string,
  open: () => Promise<{ readonly runner: BotRunner; close(): void }>,
): void {
  describe(`a bot's handlers ${where}`, () => {
    let runner: BotRunner;
    let close: () => void;
    beforeAll(async () => {
      ({ runner, close } = await open());
    });
    afterAll(() => close());
    const take = (...of: Parameters<typeof materialOf>) => answerOf(runner, materialOf(...of));

    it("belong to a bot that says whom it answers", () => {
      const { name, alsoAnswers, hearsUndeliverable } = runner;
      expect({ name, alsoAnswers, hearsUndeliverable }).toEqual({
        name: "contract",
        alsoAnswers: ["bot"],
        hearsUndeliverable: true,
      });
    });

    it("ask for all that a turn can do", async () => {
      expect(await take("everything")).toMatchObject({
        state: { machineId: "contract", schemaVersion: 2, state: { at: "towns" } },
        context: { language: "fr" },
        progress: { subject: "kitchen", images: 2, comments: 0, status: "tiled" },
        asked: "end",
        toolOutputs: [{ name: "towns", output: ["Paris", "Lyon"] }],
        replies: [
          {
            body: "Which town? é 🏠",
            menu: [{ label: "Lyon", action: "town", item: { toolOutputSeq: 704, index: 1 } }],
          },
          { body: "Take your time.", menu: [{ label: "Later", action: "later" }] },
        ],
        stickyReply: 2,
      });
    });

    it("ask for nothing, at once or later", async () => {
      const { state, context, progress, asked, replies } = await take("nothing");
      expect({ state, context, progress, asked, replies }).toEqual({
        state: undefined,
        context: undefined,
        progress: undefined,
        asked: null,
        replies: [],
      });
      expect(bodiesOf(await take("later"))).toEqual(["later"]);
    });

    it("read all that a turn knows", async () => {
      const session = {
        ...emptySession,
        snapshot: { machineId: "contract", schemaVersion: 1, state: null },
        context: { language: "fr", note: "line\nbreak" },
        progress: { subject: "kitchen", images: 1, comments: 0, status: null },
        messages: [
          { seq: 9, role: "user", body: "hé\n\u2028", menu: null },
          { seq: 10, role: "bot", body: "yes", menu: [{ label: "A", action: "a" }] },
        ],
        toolOutputs: [{ seq: 576, name: "towns", output: ["Paris"] }],
      } as const;
      const { item } = materialOf("reads");
      const from = { name: "Zoë", username: "zoe", language: "nl" };
      const material = materialOf("reads", {
        session,
        item: { ...item, from, writtenAtMs: 86_400_000 },
      });
      const [body = ""] = bodiesOf(await answerOf(runner, material));
      expect(JSON.parse(body)).toEqual({
        history: session.messages,
        toolOutputs: session.toolOutputs,
        state: session.snapshot,
        context: session.context,
        progress: session.progress,
        session: { id: "7", decision: "SESSION_REUSED", turns: 3 },
        id: `telegram:shop:${material.item.inboundId}`,
        account: "shop",
        input: { kind: "text", text: "reads" },
        from: { id: "5", ...from },
        date: "1970-01-02T00:00:00.000Z",
      });
    });

    it("write to a log that hears each line, up to a bound", async () => {
      const heard: unknown[] = [];
      await take("logs", { log: (line) => void heard.push(line) });
      expect(heard.slice(0, 2)).toEqual([
        { level: "info", message: "sold", fields: { town: "Lyon" } },
        { level: "debug", message: "line 2", fields: {} },
      ]);
      expect(heard).toHaveLength(101);
      expect(heard.at(-1)).toMatchObject({
        level: "warn",
        message: expect.stringContaining("100 lines"),
      });
    });

    it("fail with their own error, its policy and its wait", async () => {
      await expect(take("fails")).rejects.toMatchObject({
        code: "SHOP_CLOSED",
        message: expect.stringContaining("The shop is closed."),
        next: "Come back.",
        policy: "retryable",
        waitSeconds: 7,
      });
      await expect(take("breaks")).rejects.toThrow("broken");
      await expect(take("unsendable")).rejects.toMatchObject({ code: "REPLY_UNSENDABLE" });
    });

    it("make a step where no outcome is known, and get the outcome that is kept", async () => {
      const made: unknown[] = [];
      const steps = async <T>(name: string, call: () => Promise<T> | T): Promise<T> => {
        made.push([name, (await call()) ?? null]);
        return (name === "order" ? { number: 1, kept: true } : null) as T;
      };
      const [body = ""] = bodiesOf(await take("steps", { steps }));
      expect(made).toEqual([
        ["order", { number: 1 }],
        ["nothing", null],
      ]);
      expect(JSON.parse(body)).toEqual({ first: { number: 1, kept: true }, empty: null });
    });

    it("make no call where the outcome is known", async () => {
      const steps = async <T>(): Promise<T> => "known" as T;
      const [body = ""] = bodiesOf(await take("steps", { steps }));
      expect(JSON.parse(body)).toEqual({ first: "known", empty: "known" });
    });

    it("meet their own error where a step's call fails, and a refusal where it is refused", async () => {
      expect(bodiesOf(await take("stepFails"))).toEqual(["true sold out"]);
      const refusal = { code: "STEP_REFUSED", message: "Refused.", policy: "retryable" } as const;
      const steps = () => Promise.reject(new HoldfastError(refusal));
      expect(bodiesOf(await take("refusedStep", { steps }))).toEqual(["STEP_REFUSED retryable"]);
    });

    it("read the bytes of a file, and meet the reader's refusal", async () => {
      expect(bodiesOf(await take("downloads"))).toEqual(["1 2 3"]);
      const gone = { code: "MEDIA_GONE", message: "It is gone." };
      const media = { read: () => Promise.reject(new HoldfastError(gone)) };
      await expect(take("downloads", { media })).rejects.toMatchObject({ code: "MEDIA_GONE" });
    });

    it("hear that their turn is over, and can ask for nothing any more", async () => {
      const material = materialOf("waits");
      const { signal } = new AbortController();
      const place = await runner.place({ item: material.item, alone: false, signal });
      const run = place!.run(material, textsOf);
      run.end(new Error("over"));
      await expect(run.answer).rejects.toMatchObject({ code: "TURN_SEALED" });
    });
  });
}
