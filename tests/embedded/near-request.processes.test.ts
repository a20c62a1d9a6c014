import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const source = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href;

const program = `
  const [, url, home] = process.argv;
  const { untilReady } = await import(${JSON.stringify(source("embedded/readiness.ts"))});
  const { control } = await import(${JSON.stringify(source("embedded/control-api.ts"))});
  const { unreadyHere } = await import(${JSON.stringify(source("cli/unready-here.ts"))});
  const waited = [];
  await untilReady(url + "/ready", (line) => waited.push(line), AbortSignal.timeout(5000));
  const told = await control({ url, token: "t" }, "POST", "/told", { a: 1 });
  console.log(JSON.stringify({ waited, told, unready: await unreadyHere(home) }));
`;

/** Answers as a host would, and tells what a request said. */
async function host(): Promise<string> {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    if (url === "/readyz") response.writeHead(503).end("a webhook is silent");
    else if (url === "/ready/readyz") response.end("ready");
    else {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += String(chunk)));
      request.on("end", () =>
        response.end(JSON.stringify({ method, url, as: headers.authorization, body })),
      );
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("reaches this host's own servers, whatever proxy the shell names", async () => {
  const url = await host();
  const home = temporaryHome();
  writeFileSync(join(home, "run.json"), JSON.stringify({ console: url }));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", program, url, home],
    {
      // No server listens on the port of discarded data.
      env: { ...process.env, NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://127.0.0.1:9" },
    },
  );
  expect(JSON.parse(stdout)).toEqual({
    waited: [],
    told: { method: "POST", url: "/told", as: "Bearer t", body: '{"a":1}' },
    unready: "a webhook is silent",
  });
});
