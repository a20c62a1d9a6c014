import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askSealKey, requestSealed } from "../../src/adapters/crypto/sealed-request.ts";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";

/** Sets the window's title, clears lines, goes up, does the same in C1, and turns the text around. */
const hostile = "hi \u001b]0;owned\u0007\u001b[2K\u001b[1A\r\u009b2J\u202egnp.exe\u2066";
/** What a terminal obeys; a tab and a line's end are harmless. */
const obeyed = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

let service: AttackedService;

beforeAll(async () => {
  service = await attackedService();
  const telegram = controlOf(service.running.run())!;
  const eve = { firstName: hostile, username: "eve", phone: "+33199000001" };
  await control(telegram, "POST", "/users", eve);
  for (const peer of ["site_bot", "site_desk"])
    await control(telegram, "POST", "/users/eve/send", { peer, text: hostile });
  const path = "/users/eve/messages/next?peer=site_bot&after=0&waitMs=20000";
  await control(telegram, "GET", path);
  // As another operator's program adds it.
  const nats = await connectNats(natsAccessOf(service.running.run(), {}), "operator");
  const body = { botToken: "5000000009:of-no-bot", device: hostile };
  const subject = "holdfast.account.third.add";
  await requestSealed(nats, await askSealKey(nats, 2_000), { subject, body, timeoutMs: 5_000 });
  await nats.close();
  // As a bot that prints what it was told. The last line, or the next would be written over it.
  appendFileSync(join(service.home, "logs", "gate.log"), `${hostile}\n`);
}, 120_000);

afterAll(() => service.stop(), 60_000);

describe("a stranger's message with escape sequences", () => {
  it.each([
    ["history site-desk @eve"],
    ["history site-desk @eve --json"],
    ["conversation show 1"],
    ["conversation show 1 --json"],
    ["logs"],
    ["status third --json"],
  ])("is shown by `%s`, and tells the operator's terminal nothing", async (typed) => {
    const { out, err } = await service.holdfast(...typed.split(" "));
    expect(`${out}${err}`).not.toMatch(obeyed);
    expect(out).toContain(String.raw`\u001b]0;owned\u0007`);
  });
});
