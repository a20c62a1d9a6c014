import { expect, it } from "vitest";
import { createInboundPublisher } from "../../../src/adapters/nats/inbound-publisher.ts";
import { partitionOf } from "../../../src/ports/conversation/partitions.ts";
import { itemOf } from "../../fixtures/inbound-bench.ts";

type Publish = Parameters<typeof createInboundPublisher>[0]["jetstream"]["publish"];

/** Records each publish; `lose` says which get no acknowledgement. */
function publisherWith(lose: (texts: string, tries: number) => boolean) {
  const streams = { losses: 0, ready: Promise.resolve() };
  const published: { readonly texts: string; readonly id: string | undefined }[] = [];
  const publish: Publish = async (_subject, payload, options) => {
    const items = JSON.parse(String(payload)) as readonly { readonly text: string }[];
    const texts = items.map(({ text }) => text.slice(0, 3)).join(" ");
    published.push({ texts, id: options?.msgID });
    const tries = published.filter((other) => other.texts === texts).length;
    await new Promise((resolve) => setImmediate(resolve));
    if (lose(texts, tries)) throw new Error("timeout");
    return { stream: "s", domain: "", seq: published.length, duplicate: false };
  };
  const append = createInboundPublisher({
    jetstream: { publish },
    subjectPrefix: "inbound",
    era: 0,
    publishTimeoutMs: 1,
    ready: () => streams.ready,
    stored: () => {},
    losses: () => streams.losses,
  });
  return { append, published, streams, texts: () => published.map(({ texts }) => texts) };
}

it("a publish without acknowledgement is repeated under the same id and not overtaken", async () => {
  const { append, published, texts } = publisherWith((text, tries) => text === "a" && tries < 3);
  const first = append([itemOf("1", "a")]);
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([first, append([itemOf("1", "b")])]);
  expect(texts()).toEqual(["a", "a", "a", "b"]);
  expect(new Set(published.slice(0, 3).map(({ id }) => id)).size).toBe(1);
});

it("what was appended before the streams were found to have lost something is not stored after it", async () => {
  const { append, texts, streams } = publisherWith(() => false);
  let goOn = () => {};
  streams.ready = new Promise((resolve) => (goOn = resolve));
  const waiting = append([itemOf("1", "a")]);
  await new Promise((resolve) => setImmediate(resolve));
  streams.losses = 1;
  goOn();
  await expect(waiting).rejects.toMatchObject({ code: "INBOUND_UNAVAILABLE", policy: "retryable" });
  await append([itemOf("1", "b")]);
  expect(texts()).toEqual(["b"]);
});

it("what is appended while a publish is on its way goes into one message, up to a bound", async () => {
  const { append, texts } = publisherWith(() => false);
  const many = Array.from({ length: 70 }, (_, n) => itemOf("1", String(n)));
  await Promise.all([append([itemOf("1", "a")]), append([itemOf("1", "b")]), append(many)]);
  expect(texts().map((message) => message.split(" ").length)).toEqual([50, 22]);
  expect(texts().join(" ").startsWith("a b 0 1 2")).toBe(true);
  const large = Array.from({ length: 3 }, (_, n) => itemOf("1", `x${n}`.padEnd(60_000)));
  await append(large);
  expect(texts().slice(2)).toEqual(["x0  x1 ", "x2 "]);
});

it("after a bounded number of attempts the append fails, and nothing of that partition follows", async () => {
  const { append, texts } = publisherWith((text) => text === "a");
  const elsewhere = Array.from({ length: 50 }, (_, n) => itemOf(String(n), "c")).find(
    (item) => partitionOf(item) !== partitionOf(itemOf("1", "a")),
  )!;
  const first = append([itemOf("1", "a"), elsewhere]);
  await new Promise((resolve) => setImmediate(resolve));
  const second = append([itemOf("1", "d")]);
  await expect(first).rejects.toMatchObject({ code: "INBOUND_UNAVAILABLE", policy: "retryable" });
  await expect(second).rejects.toMatchObject({ code: "INBOUND_UNAVAILABLE" });
  expect(texts().filter((text) => text === "a")).toHaveLength(4);
  expect(new Set(texts())).toEqual(new Set(["a", "c"]));
  await append([itemOf("1", "e")]);
  expect(texts().at(-1)).toBe("e");
});

it("ids differ where account or inbound id differ", async () => {
  const { append, published } = publisherWith(() => false);
  for (const item of [itemOf("1", "a"), itemOf("1", "a", "other"), itemOf("1", "b")]) {
    await append([item]);
  }
  expect(new Set(published.map(({ id }) => id)).size).toBe(3);
});
