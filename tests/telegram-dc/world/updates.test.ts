import { describe, expect, it } from "vitest";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { objectsField } from "../../../src/telegram-dc/world/tl-fields.ts";
import { type Client, createBench, inner, inputPeer, pushedUpdates } from "./bench.ts";

const ADA = "99966100001";

async function listening(config = {}) {
  const bench = createBench(config);
  const ada = bench.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
  const bob = bench.phone.createUser({ firstName: "Bob", username: "bob" });
  const client = await bench.logIn(ADA, "ada");
  const write = (text: string) => bench.phone.send(bob.id, { peer: "ada", text });
  return { bench, ada, bob, client, write };
}

const difference = (client: Client, pts: number, more = {}) =>
  client.get("updates.getDifference", { pts, date: 0, qts: 0, ...more });
const texts = (answer: TlObject) =>
  objectsField(answer, "new_messages").map((message) => message["message"]);

describe("updates", () => {
  it("push every message with the next pts", async () => {
    const { client, write } = await listening();
    write("one");
    write("two");
    expect(pushedUpdates(client)).toMatchObject([
      { _: "updateNewMessage", pts: 2, pts_count: 1, message: { message: "one" } },
      { _: "updateNewMessage", pts: 3, pts_count: 1, message: { message: "two" } },
    ]);
  });

  it("go to the account's other sessions, not to the connection that caused them", async () => {
    const { bench, ada, bob, client } = await listening();
    const other = await bench.logIn(ADA, "ada-2");
    client.pushes.length = 0;
    await client.get("messages.sendMessage", {
      peer: inputPeer(bench, ada.id, bob.id),
      message: "hi",
      random_id: 1n,
    });
    expect(client.pushes).toEqual([]);
    expect(pushedUpdates(other)).toMatchObject([{ message: { message: "hi", out: true } }]);
  });

  it("stay away from connections that do not want them, media connections and strangers", async () => {
    const { bench, write } = await listening();
    const media = bench.connect("ada", { isMedia: true });
    media.frame();
    const stranger = bench.connect("stranger");
    stranger.frame();
    write("one");
    expect([...media.pushes, ...stranger.pushes]).toEqual([]);
  });
});

describe("getDifference", () => {
  it("brings what a fault lost on the way, though pts went on", async () => {
    const { bench, ada, client, write } = await listening();
    const fault = bench.phone.addFault({ kind: "lose-update", userId: ada.id, count: 2 });
    write("lost one");
    write("lost two");
    write("three");
    expect(pushedUpdates(client)).toMatchObject([{ pts: 4, message: { message: "three" } }]);
    expect(fault.delivered).toBe(2);
    const answer = await difference(client, 1);
    expect(answer._).toBe("updates.difference");
    expect(texts(answer)).toEqual(["lost one", "lost two", "three"]);
    expect(inner(answer, "state", "pts")).toBe(4);
  });

  it("is empty when nothing happened", async () => {
    const { client } = await listening();
    expect(await difference(client, 1)).toMatchObject({ _: "updates.differenceEmpty" });
  });

  it("comes in slices, each with the pts to go on from", async () => {
    const { client, write } = await listening({ differenceSliceMax: 2 });
    for (const text of ["a", "b", "c"]) write(text);
    const first = await difference(client, 1);
    expect([first._, texts(first), inner(first, "intermediate_state", "pts")]).toEqual([
      "updates.differenceSlice",
      ["a", "b"],
      3,
    ]);
    const second = await difference(client, 3);
    expect([second._, texts(second)]).toEqual(["updates.difference", ["c"]]);
  });

  it("says too long, with the newest pts, past the configured gap", async () => {
    const { client, write } = await listening({ differenceGapMax: 3 });
    for (const text of ["a", "b", "c"]) write(text);
    expect((await difference(client, 1))._).toBe("updates.difference");
    write("d");
    expect(await difference(client, 1)).toEqual({ _: "updates.differenceTooLong", pts: 5 });
  });

  it("says too long once the log has forgotten the start", async () => {
    const { client, write } = await listening({ differenceGapMax: 3 });
    for (let count = 0; count < 20; count += 1) write("x");
    expect(await difference(client, 2)).toEqual({ _: "updates.differenceTooLong", pts: 21 });
    expect(texts(await difference(client, 19))).toHaveLength(2);
  });

  it("says too long past the client's own limit", async () => {
    const { client, write } = await listening();
    for (const text of ["a", "b"]) write(text);
    expect((await difference(client, 1, { pts_total_limit: 1 }))._).toBe(
      "updates.differenceTooLong",
    );
  });

  it("leaves out a message that was deleted since, and tells of the deletion", async () => {
    const { client, write } = await listening();
    write("gone");
    await client.get("messages.deleteMessages", { id: [1] });
    const answer = await difference(client, 1);
    expect(texts(answer)).toEqual([]);
    expect(answer["other_updates"]).toMatchObject([{ _: "updateDeleteMessages", messages: [1] }]);
  });

  it.each([
    [0, "400 PERSISTENT_TIMESTAMP_EMPTY"],
    [-1, "400 PERSISTENT_TIMESTAMP_INVALID"],
  ])("refuses pts %i by %s", async (pts, error) => {
    const { client } = await listening();
    await expect(difference(client, pts)).rejects.toThrow(error);
  });

  it("is refused for channels, of which there are none", async () => {
    const { client } = await listening();
    await expect(client.get("updates.getChannelDifference")).rejects.toThrow("400 CHANNEL_INVALID");
  });
});
