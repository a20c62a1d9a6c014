import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { inBatches } from "../../src/concurrency/in-batches.ts";
import { identityOfCreds } from "../../src/config/nats-access.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";
import { hostileRequests } from "../fixtures/hostile-requests.ts";

/** `ATTACK_REQUESTS=10000 npm run attacks -- requests` asks so many times, `ATTACK_SEED` otherwise. */
const count = Number(process.env["ATTACK_REQUESTS"] ?? 1_000);
const seed = Number(process.env["ATTACK_SEED"] ?? 14);

let service: AttackedService;
let operator: NatsConnection;

beforeAll(async () => {
  service = await attackedService();
  const access = identityOfCreds(service.running.run().natsCreds);
  operator = await connectNats({ ...access, url: service.running.run().nats }, "attack", {
    comesBack: false,
  });
}, 120_000);

afterAll(async () => {
  await operator.close();
  await service.stop();
}, 60_000);

/** The fault of an answer, for a report; null: it says what a caller needs. */
function faultOf(answer: unknown): string | null {
  const { ok, code, message, next, policy } = answer as Readonly<Record<string, unknown>>;
  if (ok === true) return null;
  const says = (text: unknown) => typeof text === "string" && text !== "";
  if (ok !== false || !says(code) || !says(message)) return "says neither yes nor why not";
  if (code === "UNEXPECTED") return `met something that no one expected: ${String(message)}`;
  if (!says(next)) return "does not say what to do next";
  return policy === "terminal" || policy === "retryable" ? null : "has no policy";
}

describe("requests that a stranger makes up, to every subject", () => {
  it("are each answered with what a caller needs, end no process, and the service serves on", async () => {
    const before = service.running.run().pids;
    const wrong: string[] = [];
    let answered = 0;
    await inBatches([...hostileRequests(seed, count)], 100, async ({ subject, body }) => {
      const told = await operator
        .request(subject, body, { timeout: 20_000 })
        .then((reply) => faultOf(reply.json()))
        .catch((error: Error) => error.message);
      answered += 1;
      if (told !== null)
        wrong.push(`${subject} ${Buffer.from(body.subarray(0, 200)).toString()}: ${told}`);
    });
    expect(wrong).toEqual([]);
    expect(answered).toBe(count);
    expect(service.running.run().pids).toEqual(before);
    const status = await operator.request("holdfast.account.site-bot.test", "{}", {
      timeout: 20_000,
    });
    expect(status.json()).toMatchObject({ ok: true, isBot: true });
  }, 600_000);
});
