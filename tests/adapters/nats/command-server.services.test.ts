import { headers, type NatsConnection } from "@nats-io/transport-node";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CommandHandlers, serveCommands } from "../../../src/adapters/nats/command-server.ts";
import { requireNoSecret, withoutPhones } from "../../../src/commands/secret-fields.ts";
import { HoldfastError } from "../../../src/errors.ts";
import { createSealKey } from "../../../src/adapters/crypto/curve-seal.ts";
import { createCommandSealing } from "../../../src/adapters/crypto/sealed-commands.ts";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import { speakerKey } from "../../../src/adapters/nats/request-speaker.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { type EmbeddedNats, startNats } from "../../../src/embedded/nats.ts";
import { everything } from "../../fixtures/nats-user.ts";

const account = "site-bot";
/** Of this file alone: other files' services answer for their fleets. */
const home = mkdtempSync(join(tmpdir(), "holdfast-commands-"));
let server: EmbeddedNats;
beforeAll(async () => {
  const users = [everything];
  server = await startNats({ home, log: () => {}, syncAlways: false, endsWithParent: true, users });
});
afterAll(async () => {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

const rules = { request: requireNoSecret, reply: withoutPhones };
const sealing = createCommandSealing(createSealKey(), rules);
let nats: NatsConnection;
let stop: () => void;
let answer: CommandHandlers["run"];
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown) => void unhandled.push(error);

beforeEach(async () => {
  process.on("unhandledRejection", onUnhandled);
  nats = await connectNats(server.access(everything.name), "commands");
  const none = () => Promise.resolve(null);
  const handlers: CommandHandlers = {
    fleet: () => new Promise(() => {}),
    everyone: () => new Promise(() => {}),
    fallback: none,
    run: (...asked) => answer(...asked),
  };
  const commands = serveCommands(nats, handlers, sealing);
  const end = commands.serveAccount(account);
  stop = () => {
    end();
    commands.stop();
  };
});
afterEach(async () => {
  stop();
  await nats.close();
  process.off("unhandledRejection", onUnhandled);
  if (unhandled.length > 0) throw new Error("a promise was left alone", { cause: unhandled });
});

const ask = async (body: string | Uint8Array) => {
  const reply = await nats.requestMany(`holdfast.account.${account}.verb`, body, {
    maxWait: 2_000,
    strategy: "count",
    maxMessages: 1,
  });
  for await (const one of reply) return one.json<Record<string, unknown>>();
  return null;
};

const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

describe("a command's body", () => {
  beforeEach(() => {
    answer = async (_account, _verb, body) => ({ ok: true, body });
  });

  it.each([
    ["no JSON", "{", "is not JSON"],
    ["a list", "[1]", "is no JSON object"],
    ["null", "null", "is no JSON object"],
    ["a text", '"{}"', "is no JSON object"],
    ["a nesting of 65", deep(65), "is nested more than 64 deep"],
    ["100,000 brackets", "[".repeat(100_000), "is nested more than 64 deep"],
    ["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00]), "is not JSON"],
  ])("is refused in one line where it is %s", async (_what, body, why) => {
    expect(await ask(body)).toEqual({
      ok: false,
      code: "COMMAND_MALFORMED",
      message: `The body of the command ${why}; nothing was changed.`,
      next: "Send a JSON object, or nothing.",
      policy: "terminal",
    });
  });

  it.each([
    ["a NUL", { peer: { name: "a\0b" } }, 'holds the letter NUL in the field "peer.name"'],
    ["half a letter", { text: "\ud800" }, 'holds half of a surrogate pair in the field "text"'],
    ["a NUL in a name", { "a\0": 1 }, "holds the letter NUL in the name of a field"],
    [
      "a name of every object",
      { a: [{ toString: 1 }] },
      'has the field "a.0.toString", which every object has already',
    ],
  ])("is refused by its field where it holds %s", async (_what, body, why) => {
    expect(await ask(JSON.stringify(body))).toMatchObject({
      code: "COMMAND_MALFORMED",
      message: `The body of the command ${why}; nothing was changed.`,
    });
  });

  it.each([
    ["a number without an end", '{"limit":1e999}', "a number without an end"],
    ["the name of an object's prototype", '{"a":{"__proto__":{}}}', "__proto__"],
  ])("is refused where it is JSON with %s", async (_what, body, why) => {
    const refused = await ask(body);
    expect(refused).toMatchObject({ code: "COMMAND_MALFORMED" });
    expect(refused?.["message"]).toContain(why);
  });

  it("may be nothing, nested 64 deep, and have brackets in its texts", async () => {
    expect(await ask("")).toEqual({ ok: true, body: {} });
    expect(await ask(deep(64))).toMatchObject({ ok: true });
    const text = `{"text":"\\"${"[{".repeat(100)}"}`;
    expect(await ask(text)).toEqual({ ok: true, body: JSON.parse(text) });
  });
});

describe("an answer", () => {
  it("that NATS cannot carry is one that says so", async () => {
    answer = async () => ({ ok: true, text: "x".repeat(2_000_000) });
    expect(await ask("{}")).toMatchObject({ ok: false, code: "REPLY_TOO_LONG" });
  });

  it("carries what a caller may do after a refusal, and how long to wait", async () => {
    answer = async () => {
      throw new HoldfastError({
        code: "FLOOD_WAIT",
        message: "Telegram refused.",
        next: "Wait 30 s.",
        policy: "retryable",
        waitSeconds: 30,
      });
    };
    expect(await ask("{}")).toEqual({
      ok: false,
      code: "FLOOD_WAIT",
      message: "Telegram refused.",
      next: "Wait 30 s.",
      policy: "retryable",
      waitSeconds: 30,
    });
  });

  it("comes where the verb throws at once, and where it cannot be written as JSON", async () => {
    answer = () => {
      throw new Error("at once");
    };
    expect(await ask("{}")).toMatchObject({
      code: "UNEXPECTED",
      message: "at once",
      next: expect.stringContaining("npx holdfast logs"),
      policy: "terminal",
    });
    answer = async () => ({ ok: true, number: 1n });
    expect(await ask("{}")).toMatchObject({ ok: false, code: "UNEXPECTED" });
  });

  it("is that the node is busy, from a thousand on", async () => {
    const held = deferred();
    answer = async () => {
      await held.promise;
      return { ok: true };
    };
    const subject = `holdfast.account.${account}.verb`;
    // Some more: those that another node's part of this one looks at count for a moment, too.
    for (let n = 0; n < 1_200; n += 1) nats.publish(subject, "{}");
    expect(await ask("{}")).toMatchObject({ code: "COMMANDS_BUSY" });
    held.resolve();
    await expect.poll(() => ask("{}")).toMatchObject({ ok: true });
  });
});

describe("the one who asks", () => {
  const marked = (...marks: readonly string[]) => {
    const all = headers();
    for (const mark of marks) all.append("Nats-Request-Info", mark);
    return all;
  };

  it("is named by the broker's mark alone", () => {
    expect(speakerKey(undefined)).toBeNull();
    expect(speakerKey(headers())).toBeNull();
    expect(speakerKey(marked('{"acc":"A","user":"UKEY"}'))).toBe("UKEY");
  });

  it.each([["{"], ["{}"], ['{"user":""}'], ['{"user":7}'], ["null"]])(
    "is refused where the mark names none: %s",
    (mark) => {
      expect(() => speakerKey(marked(mark))).toThrow("does not say whose");
    },
  );

  it("is refused where there are two marks", () => {
    expect(() => speakerKey(marked('{"user":"UA"}', '{"user":"UB"}'))).toThrow(
      "does not say whose",
    );
  });
});
