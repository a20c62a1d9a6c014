import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createWebhookEndpoint } from "../../../src/channels/webhook/endpoint.ts";

it("brings replies with the user and the password that stand in the address", async () => {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    seen.push([request.url, request.headers.authorization]);
    request.resume().once("end", () => response.writeHead(200).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = `http://gate:p%40w@127.0.0.1:${port}/send?to=a`;
  const reply = {
    id: "1",
    account: "webhook",
    to: "+33612345601",
    text: "hi",
    choices: [],
    answers: "m",
  };
  expect(await createWebhookEndpoint(url, "s".repeat(16), () => 0).post(reply)).toMatchObject({
    status: 200,
  });
  expect(seen).toEqual([["/send?to=a", `Basic ${Buffer.from("gate:p@w").toString("base64")}`]]);
});
