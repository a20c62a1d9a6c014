import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openSocketPath } from "../../../src/adapters/machine/socket-path.ts";

/** A folder whose path has so many bytes, in letters of two bytes as in one. */
function folderOf(bytes: number, letter: string): string {
  const base = mkdtempSync(join(tmpdir(), "holdfast-deep-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const count = (bytes - Buffer.byteLength(base) - 1) / Buffer.byteLength(letter);
  const folder = join(base, letter.repeat(Math.max(1, Math.floor(count))));
  mkdirSync(folder);
  return folder;
}

it.each([
  [60, "x"],
  [90, "x"],
  [110, "é"],
  [250, "x"],
])("a socket in a folder of %d bytes is served and reached", async (bytes, letter) => {
  const path = join(folderOf(bytes, letter), "gate-1234567.sock");
  const [served, reached] = [openSocketPath(path), openSocketPath(path)];
  const server = createServer((socket) => socket.end("here"));
  server.listen(served.path);
  await once(server, "listening");
  expect(existsSync(path)).toBe(true);
  const socket = connect({ path: reached.path });
  const [said] = (await once(socket, "data")) as [Buffer];
  expect(said.toString()).toBe("here");
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  expect(existsSync(path)).toBe(false);
  served.close();
  reached.close();
});
