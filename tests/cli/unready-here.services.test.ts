import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { unreadyHere } from "../../src/cli/unready-here.ts";

/** A home whose host answers so. */
async function homeOfHost(status: number, text: string): Promise<string> {
  const server = createServer((request, response) => {
    const isAsked = request.url === "/readyz";
    response.writeHead(isAsked ? status : 404).end(`${text}\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const home = mkdtempSync(join(tmpdir(), "holdfast-unready-"));
  onTestFinished(() => {
    rmSync(home, { recursive: true });
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  writeFileSync(join(home, "run.json"), JSON.stringify({ console: `http://127.0.0.1:${port}/` }));
  return home;
}

it("tells why the host of a home does not serve as a whole", async () => {
  expect(await unreadyHere(await homeOfHost(503, "the webhook channel does not listen"))).toBe(
    "the webhook channel does not listen",
  );
});

it("has nothing to tell of a host that serves, or where none runs", async () => {
  expect(await unreadyHere(await homeOfHost(200, "ready"))).toBeNull();
  expect(await unreadyHere(join(tmpdir(), "holdfast-no-home"))).toBeNull();
});
