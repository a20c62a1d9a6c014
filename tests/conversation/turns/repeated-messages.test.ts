import { describe, expect, it } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createHotConversations } from "../../../src/conversation/turns/session-cache.ts";
import type {
  LoadedSession,
  TurnRecord,
} from "../../../src/ports/conversation/conversation-store.ts";
import { everyPlace } from "../../../src/ports/conversation/person-erasure.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const user = { channel: "telegram", account: "a", chatUser: "1" };
const stored: LoadedSession = {
  id: "7",
  decision: "SESSION_REUSED",
  status: "active",
  turns: 3,
  lastSeq: 6,
  snapshot: null,
  context: null,
  progress: null,
  messages: [],
  toolOutputs: [],
};

/** A memory over a store that counts its loads; a later owner of users whom an earlier one has served. */
function openMemory(session = stored) {
  const clock = createTestClock();
  const store = {
    loads: 0,
    taken: new Set<string>(),
    async load({ inboundId = "" }: { readonly inboundId?: string }): Promise<LoadedSession> {
      store.loads += 1;
      return store.taken.has(inboundId) ? { ...session, taken: true } : session;
    },
    commit: async () => "committed" as const,
  };
  const hot = createHotConversations(store, clock, conversationRules(conversationMachine));
  const received = (inboundId: string) => ({ ...user, inboundId, receivedAtMs: clock.now() });
  async function take(
    message: ReturnType<typeof received> & { readonly writtenAtMs?: number },
  ): Promise<void> {
    const turn: TurnRecord = {
      ...user,
      session: await hot.load(message, 1e9),
      inboundId: message.inboundId,
      peer: { userId: "1", accessHash: "1" },
      text: "Bonjour",
      snapshot: null,
      context: null,
      toolOutputs: [],
      replies: [],
      status: "active",
      sentBy: "holder",
    };
    await hot.commit(turn, { partition: 0, epoch: 1 });
  }
  return { clock, hot, store, received, take };
}

describe("a message that comes again to an owner that remembers its user", () => {
  it("is asked of the store where it was received under an earlier owner (I4)", async () => {
    const { clock, store, received, take } = openMemory();
    const early = received("m:1");
    clock.advance(10_000);
    await take(received("m:2"));
    clock.advance(10_000);
    await take(early);
    expect(store.loads).toBe(2);
  });

  it("costs nothing for those that came since", async () => {
    const { clock, store, received, take } = openMemory();
    for (let n = 1; n <= 100; n += 1) {
      await take(received(`m:${n}`));
      clock.advance(3_000);
    }
    expect(store.loads).toBe(1);
  });

  it("is asked of the store once its id is among those that were forgotten", async () => {
    const { clock, store, received, take } = openMemory();
    const old = received("m:1");
    for (let n = 1; n <= 100; n += 1) {
      await take(n === 1 ? old : received(`m:${n}`));
      clock.advance(3_000);
    }
    await take(old);
    expect(store.loads).toBe(2);
  });

  it("cannot be one that an earlier owner took where this is the user's first contact", async () => {
    const { store, received, take } = openMemory({
      ...stored,
      decision: "SESSION_CREATED_FIRST_CONTACT",
      turns: 0,
      lastSeq: 0,
    });
    const early = received("m:1");
    await take(received("m:2"));
    await take(early);
    expect(store.loads).toBe(1);
  });

  it("is asked of the store after a message that had taken effect, though this is a first contact: its user was forgotten", async () => {
    const { clock, hot, store, received, take } = openMemory({
      ...stored,
      decision: "SESSION_CREATED_FIRST_CONTACT",
      turns: 0,
      lastSeq: 0,
    });
    const [early, copied] = [received("m:1"), received("m:2")];
    store.taken.add("m:1");
    clock.advance(10_000);
    expect((await hot.load(early, 1e9)).taken).toBe(true);
    await take(received("m:3"));
    await take(copied);
    expect(store.loads).toBe(3);
  });

  it("is asked of the store where that says that the user of a first contact was forgotten", async () => {
    const { clock, store, received, take } = openMemory({
      ...stored,
      decision: "SESSION_CREATED_FIRST_CONTACT",
      forgotten: true,
      turns: 0,
      lastSeq: 0,
    });
    const early = received("m:1");
    clock.advance(10_000);
    await take(received("m:2"));
    await take(early);
    expect(store.loads).toBe(2);
  });

  it("is asked of the store after a turn that was refused, as its session may have been erased", async () => {
    const { clock, hot, store, received, take } = openMemory({
      ...stored,
      decision: "SESSION_CREATED_FIRST_CONTACT",
      turns: 0,
      lastSeq: 0,
    });
    const early = received("m:1");
    hot.doubt(user);
    clock.advance(10_000);
    await take(received("m:2"));
    await take(early);
    expect(store.loads).toBe(2);
  });

  it("is asked of the store once the user is forgotten, wherever that was", async () => {
    const { clock, hot, store, received, take } = openMemory();
    await take(received("m:1"));
    hot.forget({ ...everyPlace, chatUser: "2" });
    clock.advance(3_000);
    await take(received("m:2"));
    expect(store.loads).toBe(1);
    hot.forget({ ...everyPlace, chatUser: "1" });
    await take(received("m:3"));
    expect(store.loads).toBe(2);
  });

  it("is asked of the store where it was written before this owner's first turn, whenever its copy came", async () => {
    const { clock, store, received, take } = openMemory();
    clock.advance(10_000);
    await take(received("m:2"));
    clock.advance(10_000);
    await take({ ...received("m:1"), writtenAtMs: clock.now() - 15_000 });
    expect(store.loads).toBe(2);
  });

  it("of a user who was forgotten is asked of the store, though the session is their first again", async () => {
    const { clock, hot, store, received, take } = openMemory({
      ...stored,
      decision: "SESSION_CREATED_FIRST_CONTACT",
      turns: 0,
      lastSeq: 0,
    });
    const forgotten = received("m:1");
    hot.forget({ ...user, chatUser: "1" });
    clock.advance(10_000);
    await take(received("m:2"));
    await take(forgotten);
    expect(store.loads).toBe(2);
  });
});
