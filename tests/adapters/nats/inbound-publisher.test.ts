import { expect, test } from "vitest";
import { createInboundPublisher } from "../../../src/adapters/nats/inbound-publisher.ts";
import { itemOf } from "./inbound-bench.ts";

type Publish = Parameters<typeof createInboundPublisher>[0]["jetstream"]["publish"];

/** Records each publish; `lose` says which get no acknowledgement. */
function publisherWith(lose: (text: string, tries: number) => boolean) {
  const published: { readonly text: string; readonly id: string | undefined }[] = [];
  const publish: Publish = async (_subject, payload, options) => {
    const { text } = JSON.parse(String(payload)) as { readonly text: string };
    published.push({ text, id: options?.msgID });
    const tries = published.filter((other) => other.text === text).length;
    if (lose(text, tries)) throw new Error("timeout");
    return { stream: "s", domain: "", seq: published.length, duplicate: false };
  };
  const append = createInboundPublisher({
    jetstream: { publish },
    subjectPrefix: "inbound",
    era: 0,
    publishTimeoutMs: 1,
  });
  return { append, published };
}

test("a publish without acknowledgement is repeated under the same id and not overtaken", async () => {
  const { append, published } = publisherWith((text, tries) => text === "a" && tries < 3);
  await append([itemOf("1", "a"), itemOf("1", "b")]);
  expect(published.map(({ text }) => text)).toEqual(["a", "a", "a", "b"]);
  expect(new Set(published.slice(0, 3).map(({ id }) => id)).size).toBe(1);
});

test("after a bounded number of attempts the append fails, and nothing of that user follows", async () => {
  const { append, published } = publisherWith((text) => text === "a");
  const first = append([itemOf("1", "a"), itemOf("1", "b"), itemOf("2", "c")]);
  const second = append([itemOf("1", "d")]);
  await expect(first).rejects.toMatchObject({ code: "INBOUND_UNAVAILABLE", policy: "retryable" });
  await expect(second).rejects.toMatchObject({ code: "INBOUND_UNAVAILABLE" });
  expect(published.filter(({ text }) => text === "a")).toHaveLength(4);
  expect(new Set(published.map(({ text }) => text))).toEqual(new Set(["a", "c"]));
  await append([itemOf("1", "e")]);
  expect(published.at(-1)?.text).toBe("e");
});

test("ids differ where account or inbound id differ", async () => {
  const { append, published } = publisherWith(() => false);
  await append([itemOf("1", "a"), itemOf("1", "a", "other"), itemOf("1", "b")]);
  expect(new Set(published.map(({ id }) => id)).size).toBe(3);
});
