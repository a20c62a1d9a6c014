import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAtLeast } from "../../src/adapters/nats/server.ts";
import { findNats } from "../../src/embedded/nats-binary.ts";
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
