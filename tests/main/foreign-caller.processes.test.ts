import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connect,
  credsAuthenticator,
  JSONCodec,
  type NatsConnection,
  type Subscription,
} from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";

/** As a script reads them: it shares no types with the service. */
interface Told {
  readonly [field: string]: unknown;
}

const json = JSONCodec<Told>();
const renewMsMax = 20_000;
const account = "holdfast.account.site-bot";

let home: string;
let running: Running;
let nats: NatsConnection;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-foreign-"));
  const env = { ...process.env, HOLDFAST_HOME: home };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  const { nats: servers, natsCreds } = running.run();
  nats = await connect({
    servers,
    authenticator: credsAuthenticator(await readFile(natsCreds ?? "")),
    inboxPrefix: "_INBOX.operator",
  });
}, 120_000);

afterAll(async () => {
  await nats?.close();
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

/** The states that the events name, up to the serving one. */
async function statesUntilActive(events: Subscription): Promise<readonly unknown[]> {
  const states: unknown[] = [];
  const timer = setTimeout(() => events.unsubscribe(), renewMsMax);
  for await (const message of events) {
    const event = json.decode(message.data);
    expect(event).toMatchObject({ account: "site-bot" });
    if (event["type"] === "transition") states.push(event["to"]);
    if (event["to"] === "active") events.unsubscribe();
  }
  clearTimeout(timer);
  return states;
}

async function ask(verb: string, body: Told): Promise<Told> {
  const answer = await nats.request(`${account}.${verb}`, json.encode(body), { timeout: 10_000 });
  return json.decode(answer.data);
}

describe("a program over the client that was published as `nats`", () => {
  it("triggers one renewal by its id, however often it asks, and reads its events to the end", async () => {
    const events = nats.subscribe(`${account}.event`);
    await nats.flush();
    const { account: before } = (await ask("status", {})) as { account: { slot: number } };
    const answers = await Promise.all([
      ask("renew", { id: "nightly-1" }),
      ask("renew", { id: "nightly-1" }),
    ]);
    // Which of the two comes first is not said.
    expect(answers.toSorted((a, b) => Number(a["known"]) - Number(b["known"]))).toEqual([
      { ok: true, renewal: "nightly-1", known: false },
      { ok: true, renewal: "nightly-1", known: true },
    ]);

    const states = await statesUntilActive(events);
    expect(states).toEqual([
      "active.preparing",
      "draining",
      "verified-idle",
      "renewing",
      "restarting",
      "active",
    ]);
    expect(await ask("status", {})).toMatchObject({
      account: { state: "active", slot: before.slot + 1 },
    });
    await expect
      .poll(() => ask("renewal", { id: "nightly-1" }), { timeout: 20_000 })
      .toMatchObject({
        renewal: { method: "bot-token", fromSlot: before.slot, toSlot: before.slot + 1 },
        steps: expect.arrayContaining([expect.objectContaining({ step: "verified" })]),
      });
  });

  it("hears in the answer why a command is refused, and what is known instead", async () => {
    expect(await ask("renew", { id: "nightly-2", method: "telepathy" })).toEqual({
      ok: false,
      code: "COMMAND_MALFORMED",
      message: expect.stringContaining('"method"'),
      next: expect.stringContaining("bot-token"),
      policy: "terminal",
    });
  });
});
