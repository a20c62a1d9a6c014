import { afterEach, beforeEach } from "vitest";
import { type ManualClock, createManualClock } from "./manual-clock.ts";
import { type RawConnection, openRaw } from "./raw-client.ts";
import { type RawKey, exchangeKey } from "./raw-handshake.ts";
import { type RawSession, initialised, startSession } from "./raw-session.ts";
import { type StubDataCentre, startStubDataCentre } from "./stub-world.ts";

/** One data centre, one key and one initialised session, new for every test. */
export interface RawFixture {
  readonly clock: ManualClock;
  readonly dc: StubDataCentre;
  readonly raw: RawConnection;
  readonly key: RawKey;
  readonly session: RawSession;
  /** Opens another connection, which is cut after the test. */
  open(): Promise<RawConnection>;
  /** How often the world was asked for a method. */
  callsOf(method: string): number;
  keyHexId(): string;
}

/** The bound on unacknowledged messages, small enough to be reached. */
const UNACKED_MAX = 5;

/** Sets the fixture up around every test of the file. */
export function useRawSession(): RawFixture {
  const current: { parts?: Omit<RawFixture, "open" | "callsOf" | "keyHexId"> } = {};
  const opened: RawConnection[] = [];

  function parts(): Omit<RawFixture, "open" | "callsOf" | "keyHexId"> {
    if (current.parts === undefined) throw new Error("The fixture exists within tests only.");
    return current.parts;
  }

  beforeEach(async () => {
    const clock = createManualClock();
    const dc = await startStubDataCentre({ clock, limits: { unackedMax: UNACKED_MAX } });
    const raw = await openRaw(dc);
    opened.push(raw);
    const key = await exchangeKey(dc, raw);
    const session = startSession(dc, raw, key);
    await session.resultOf(session.call(initialised({ _: "help.getNearestDc" })));
    current.parts = { clock, dc, raw, key, session };
  });
  afterEach(async () => {
    for (const connection of opened.splice(0)) await connection.cut();
    await current.parts?.dc.close();
  });

  return {
    get clock() {
      return parts().clock;
    },
    get dc() {
      return parts().dc;
    },
    get raw() {
      return parts().raw;
    },
    get key() {
      return parts().key;
    },
    get session() {
      return parts().session;
    },
    async open() {
      const connection = await openRaw(parts().dc);
      opened.push(connection);
      return connection;
    },
    callsOf: (method) => parts().dc.world.calls.filter((call) => call.query._ === method).length,
    keyHexId: () => parts().dc.world.keys[0]?.authKeyId ?? "",
  };
}
