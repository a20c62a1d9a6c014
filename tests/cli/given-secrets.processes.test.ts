import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { exampleDesk } from "../../src/embedded/provision.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";

const botToken = "5000000099:AAplanted-bot-token-of-the-wire";

let service: AttackedService;
let nats: NatsConnection;

beforeAll(async () => {
  service = await attackedService();
  nats = await connectNats(natsAccessOf(service.running.run(), {}), "script");
}, 120_000);

afterAll(async () => {
  await nats.close();
  await service.stop();
}, 60_000);

describe("a secret", () => {
  it("in the clear is refused from a script, and nothing changes", async () => {
    const ask = async (verb: string, body: object) =>
      (await nats.request(`holdfast.account.site-desk.${verb}`, JSON.stringify(body))).json();
    const refused = { ok: false, code: "SEAL_MISSING" };
    expect(await ask("password", { password: "in the clear" })).toMatchObject(refused);
    expect(await ask("add", { phone: "+33177000043" })).toMatchObject(refused);
    expect(await ask("answer", { of: "x", value: "12345" })).toMatchObject(refused);
    const self = { method: "users.getUsers", params: { id: [{ _: "inputUserSelf" }] } };
    const answer = JSON.stringify(await ask("invoke", self));
    expect(answer).toContain('"ok":true');
    expect(answer).not.toContain(exampleDesk.phone.slice(1));
  });

  it("among the arguments is refused, as it stands in the process list", async () => {
    for (const args of [
      ["proxy", "site-desk", "socks5://px-user:px-pass-8814@127.0.0.1:1080"],
      ["import", "old-desk", "1Ap".padEnd(353, "W"), "--from", "telethon", "--stopped"],
      ["check", "1Ap".padEnd(353, "W")],
      ["add", "third-bot", botToken, "--kind", "bot"],
    ]) {
      const { code, err } = await service.holdfast(...args);
      expect({ args: args[0], code, err }).toMatchObject({
        code: 1,
        err: expect.stringContaining("process list"),
      });
      expect(err).not.toContain(args.at(-1)!.slice(0, 80) === "bot" ? botToken : "WWWWWWWW");
    }
  });
});
