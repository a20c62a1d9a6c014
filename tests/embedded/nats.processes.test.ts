import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it, onTestFinished } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { openInboundStream } from "../../src/adapters/nats/inbound-stream.ts";
import { isAtLeast } from "../../src/adapters/nats/server.ts";
import { identityOfCreds } from "../../src/config/nats-access.ts";
import { startNats } from "../../src/embedded/nats.ts";
import { findNats } from "../../src/embedded/nats-binary.ts";
import { createInbox, itemOf, textsOf } from "../fixtures/inbound-bench.ts";
import { launchOwnNats } from "../fixtures/embedded/own-nats.ts";
import { mirrorsIn } from "../../src/embedded/nats-debian.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

describe("the search for nats-server", () => {
  it("ends with every way out when there is none and none can be obtained", async () => {
    const home = temporaryHome();
    const empty = join(home, "empty");
    mkdirSync(empty);
    const env = { PATH: empty, XDG_CACHE_HOME: empty };
    await expect(findNats({ home, env, log: () => {} })).rejects.toMatchObject({
      code: "NATS_SERVER_NOT_FOUND",
      line: expect.stringMatching(/brew install nats-server.*apt-get.*GitHub.*HOLDFAST_NATS_URL/),
    });
  });

  it.each([
    ["2.9.10", "2.9.10", true],
    ["2.10.0", "2.9.10", true],
    ["2.9.9", "2.9.10", false],
    ["3.0.0-beta", "2.10.27", true],
  ])("knows whether %s is at least %s: %s", (version, min, answer) => {
    expect(isAtLeast(version, min)).toBe(answer);
  });

  it("asks the archive that the machine already uses, and not the one of security updates", () => {
    const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    const deb822 = `Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nSigned-By: ${keyring}\n\nTypes: deb\nURIs: http://mirror.example/debian-security\nSuites: x\n`;
    const lines = `# deb http://old.example/debian x main\ndeb [arch=amd64 signed-by=/k.gpg] https://m.example/ubuntu noble main\ndeb http://else.example/apt x main\n`;
    expect(mirrorsIn(deb822)).toEqual([{ uri: "http://mirror.example/debian", signedBy: keyring }]);
    expect(mirrorsIn(lines)).toEqual([{ uri: "https://m.example/ubuntu", signedBy: "/k.gpg" }]);
  });
});

describe("the embedded server", () => {
  const options = (home: string) => ({ home, log: () => {}, endsWithParent: true });

  it("keeps its keys and credentials where their owner alone reads them, and the same ones at each start", async () => {
    const home = temporaryHome();
    const first = await startNats(options(home));
    await first.stop();
    const second = await startNats(options(home));
    onTestFinished(() => second.stop());
    expect(second.operatorKey).toBe(first.operatorKey);
    const folder = join(home, "nats");
    const modes = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:creds|json|conf)$/.test(name))
      .map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8));
    expect(new Set(modes)).toEqual(new Set(["600"]));
    expect(modes.length).toBeGreaterThanOrEqual(6);
  });

  it("takes over the streams of a version without users and partitions, and a node may move what was set aside there", async () => {
    const home = temporaryHome();
    const store = join(home, "nats");
    mkdirSync(store);
    const open = await launchOwnNats(`jetstream { store_dir: ${JSON.stringify(store)} }`);
    const url = `nats://127.0.0.1:${open.port}`;
    const before = await connectNats({ ...identityOfCreds(null), url }, "before");
    const manager = await jetstreamManager(before);
    await manager.streams.add({ name: "HOLDFAST_INBOUND", subjects: ["holdfast.inbound"] });
    const texts = ["kept", "too"];
    const aside: unknown[] = [];
    await manager.streams.add({ name: "HOLDFAST_PARKED", subjects: ["holdfast.parked"] });
    await jetstream(before).publish("holdfast.parked", JSON.stringify(itemOf("1", "aside")));
    for (const text of texts)
      await jetstream(before).publish("holdfast.inbound", JSON.stringify(itemOf("1", text)));
    await before.close();
    await open.stop();

    const server = await startNats(options(home));
    onTestFinished(() => server.stop());
    const nats = await connectNats(server.access("node"), "after");
    onTestFinished(() => nats.close());
    const stream = await openInboundStream(nats, {
      host: "h",
      keepParked: async ({ item }) => void aside.push(item?.text),
    });
    expect(aside).toEqual(["aside"]);
    const now = await jetstreamManager(nats);
    expect((await now.streams.info("HOLDFAST_PARKED")).state.messages).toBe(0);
    const inbox = createInbox();
    const stop = await stream.consume({ inFlightMax: 10, onDelivery: inbox.onDelivery });
    const got = await inbox.atLeast(2);
    expect(textsOf(got)).toEqual(texts);
    for (const delivery of got) delivery.done();
    await stop();
  });
});
