import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { issueUser, publicKeyOf } from "../../src/adapters/nats/broker-keys.ts";
import { readBrokerKeys } from "../../src/embedded/nats-keys.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import {
  asStranger,
  type AttackedService,
  attackedService,
  canBeStranger,
} from "../fixtures/attacked-service.ts";
import { everythingIn } from "../fixtures/nats.ts";

let service: AttackedService;
/** With the credentials that run.json names. */
let operator: NatsConnection;
/** Hears and reads all that the service itself does. */
let insider: NatsConnection;

beforeAll(async () => {
  service = await attackedService();
  const run = service.running.run();
  operator = await connectNats(natsAccessOf(run, {}), "attacker");
  insider = await connectNats(await everythingIn(service.home, run.nats), "insider");
}, 120_000);

afterAll(async () => {
  await operator?.close();
  await insider?.close();
  await service?.stop();
}, 60_000);

/**
 * Looks whether a port stands in the kernel's list, which every user may read, and there tries to hear all and to say
 * something. Other ports of the list are left alone: they may be another's.
 */
const strangersModule = `
  import { readFileSync } from "node:fs";
  import { connect } from "node:net";
  const port = Number(process.argv[1]);
  const listening = readFileSync("/proc/net/tcp", "utf8").split("\\n").slice(1)
    .map((line) => line.trim().split(/\\s+/)).filter((row) => row[3] === "0A")
    .map((row) => parseInt(row[1].split(":")[1], 16));
  if (!listening.includes(port)) throw new Error("not found");
  let heard = "";
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  socket.on("close", () => { console.log(heard); process.exit(0); });
  socket.on("data", (chunk) => {
    if (heard === "")
      socket.write('CONNECT {"verbose":false,"protocol":1,"headers":true}\\r\\nSUB > 1\\r\\nPUB holdfast.status mine 2\\r\\n{}\\r\\nPING\\r\\n');
    heard += chunk;
  });
  setTimeout(() => socket.destroy(), 3000);
`;

describe("another local user", () => {
  it.runIf(canBeStranger)("finds the port of NATS, and hears and says nothing there", async () => {
    const { port } = new URL(service.running.run().nats);
    const { out } = await asStranger(strangersModule, port);
    expect(out).toMatch(/^INFO \{/);
    expect(out).toContain("-ERR 'Authorization Violation'");
    expect(out).not.toMatch(/\r\n(?:MSG|HMSG|PONG)/);
  });
});

/** What the broker says to one request of the operator's. */
function said(subject: string, body = ""): Promise<string> {
  return operator.request(subject, body, { timeout: 2_000 }).then(
    (message) => `answered ${message.string()}`,
    (error: unknown) => String(error),
  );
}

describe("the operator's credentials", () => {
  it.each([
    ["write a lease", "$KV.HOLDFAST_HOSTS.victim", "{}"],
    ["read a stream", "$JS.API.STREAM.MSG.GET.HOLDFAST_INBOUND_0", '{"seq":1}'],
    ["list the streams", "$JS.API.STREAM.NAMES", ""],
    ["delete the leases", "$JS.API.STREAM.DELETE.KV_HOLDFAST_HOSTS", ""],
    ["empty a stream", "$JS.API.STREAM.PURGE.HOLDFAST_INBOUND_0", ""],
    ["tell the fleet of a hand-over", "holdfast.custody.news", '{"type":"accounts"}'],
    ["put an item into the inbound stream", "holdfast.inbound.0", "[]"],
    ["tell of an event that did not happen", "holdfast.account.site-bot.event", "{}"],
  ])("cannot %s", async (_what, subject, body) => {
    expect(await said(subject, body)).toMatch(/permissions violation/i);
  });

  it("leave every stream and lease as it was", async () => {
    const streams = await (await jetstreamManager(insider)).streams.list().next();
    const names = streams.map(({ config }) => config.name);
    expect(names).toEqual(expect.arrayContaining(["KV_HOLDFAST_HOSTS", "HOLDFAST_INBOUND_0"]));
  });

  it("hear of all subjects nothing that gates, nodes and other callers say to each other", async () => {
    const heard: string[] = [];
    const subscription = operator.subscribe(">", {
      callback: (_error, { subject }) => void heard.push(subject),
    });
    await operator.flush();
    const keys = readBrokerKeys(join(service.home, "nats"))!;
    const caller = await issueUser(keys, {
      name: "ann",
      account: "CALLERS",
      publish: ["holdfast.status"],
      subscribe: [],
      inboxPrefix: "_INBOX.caller.ann",
    });
    const access = natsAccessOf({ ...service.running.run(), natsCreds: null }, {});
    const file = join(service.home, "nats", "ann.creds");
    writeFileSync(file, caller.creds, { mode: 0o600 });
    const ann = await connectNats({ ...access, credsFile: file }, "ann");
    await ann.request("holdfast.status", "{}", { timeout: 5_000 });
    insider.publish("holdfast.custody.news", "{}");
    insider.publish("holdfast.account.site-bot.event", '{"type":"note"}');
    await insider.flush();
    await expect.poll(() => heard).toContain("holdfast.account.site-bot.event");
    subscription.unsubscribe();
    await ann.close();
    // What is asked may be seen, and not what is answered.
    const others = heard.filter((subject) => !/^holdfast\.(?:account\.|status$)/.test(subject));
    expect(others.filter((subject) => !subject.startsWith("_INBOX.operator."))).toEqual([]);
  });

  it("cannot speak under another's key: the broker writes the true one over a forged one", async () => {
    const heard: (string | undefined)[] = [];
    insider.subscribe("holdfast.account.no-such.status", {
      callback: (_error, message) => void heard.push(message.headers?.get("Nats-Request-Info")),
    });
    await insider.flush();
    const forged = headers();
    forged.set("Nats-Request-Info", '{"acc":"HOLDFAST","user":"forged"}');
    await operator.request("holdfast.account.no-such.status", "{}", {
      headers: forged,
      timeout: 5_000,
    });
    await expect.poll(() => heard).toHaveLength(1);
    const key = publicKeyOf(readBrokerKeys(join(service.home, "nats"))!.users["operator"]!);
    expect(JSON.parse(heard[0] ?? "{}")).toMatchObject({ user: key });
  });
});
