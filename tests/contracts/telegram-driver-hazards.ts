import { createServer } from "node:net";
import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import type { Dialled } from "../../src/ports/custody/gate.ts";
import type { TelegramClient } from "../../src/ports/telegram/telegram.ts";
import type { TelegramDc } from "../../src/telegram-dc/telegram-dc.ts";
import {
  createTelegramBench,
  dialTcp,
  faultOf,
  type MakeDriver,
  patienceMs,
  unreachable,
} from "../fixtures/telegram-bench.ts";

/**
 * Known mistakes of client libraries when they are ended. The bench checks after each that no
 * socket lives. At the end of the file it checks that no client has dialled after it was closed.
 */
export function specifyHazards(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("closing", () => {
    it("rejects the calls that wait", async () => {
      const dc = await bench.startDc();
      const { client } = await bench.person(dc, "ada");
      dc.phone.addFault({ kind: "drop-answer", method: "messages.getDialogs" });
      const call = faultOf(client.dialogs(10));
      await client.close();
      expect(await call).toMatchObject({ code: "CLIENT_CLOSED", kind: "unknown" });
      expect(client.callsInFlight).toBe(0);
    });

    it("is final, may be repeated, and is told to nobody", async () => {
      const dc = await bench.startDc();
      const { client, wire, ends, dials } = await bench.person(dc, "ada");
      await Promise.all([client.close(), client.close()]);
      await client.close();
      expect((await faultOf(client.self())).code).toBe("CLIENT_CLOSED");
      expect((await faultOf(client.connect())).code).toBe("CLIENT_CLOSED");
      expect([wire, ends]).toEqual([["connected"], []]);
      expect(dials()).toBe(1);
    });

    it("ends a client that never connected", async () => {
      const dc = await bench.startDc();
      const { client, dials } = bench.open(dc);
      await client.close();
      expect((await faultOf(client.connect())).code).toBe("CLIENT_CLOSED");
      expect(dials()).toBe(0);
    });

    it("during the key exchange ends it", async () => {
      const silent = createServer((socket) => socket.on("error", () => undefined).resume());
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
      const dc = await bench.startDc();
      const { port } = silent.address() as { port: number };
      const reached = new Promise<void>((resolve) => silent.once("connection", () => resolve()));
      const { client, sessions } = bench.open(dc, {
        dial: () => dialTcp({ host: "127.0.0.1", port }),
      });
      const connecting = faultOf(client.connect());
      await reached;
      await client.close();
      expect((await connecting).code).toBe("CLIENT_CLOSED");
      expect(sessions).toEqual([]);
      await new Promise((resolve) => silent.close(resolve));
    });

    it("while the session is being stored ends it, and the key is never used", async () => {
      const dc = await bench.startDc();
      const { client, sessions, until } = bench.open(dc, {
        onSession: () => new Promise(() => {}),
      });
      const connecting = faultOf(client.connect());
      await until(() => sessions.length === 1);
      await client.close();
      expect((await connecting).code).toBe("CLIENT_CLOSED");
      expect(dc.ledger.rpcs()).toEqual([]);
    });

    it("while it dials ends the socket that comes too late", async () => {
      const dc = await bench.startDc();
      let give = (_socket: Duplex) => {};
      let dialled = () => {};
      const late = new Promise<Duplex>((resolve) => (give = resolve));
      const dialling = new Promise<void>((resolve) => (dialled = resolve));
      const { client } = bench.open(dc, {
        dial() {
          dialled();
          return late;
        },
      });
      const connecting = faultOf(client.connect());
      await dialling;
      await client.close();
      expect((await connecting).code).toBe("CLIENT_CLOSED");
      const socket = await dialTcp(dc);
      give(socket);
      await new Promise((resolve) => socket.once("close", resolve));
      expect(dc.ledger.rpcs()).toEqual([]);
    });

    it("between two attempts to connect again ends them", async () => {
      const dc = await bench.startDc();
      let refused = () => {};
      const refusals = new Promise<void>((resolve) => (refused = resolve));
      const { client } = await bench.person(dc, "ada", {
        dial(n, dialDc) {
          if (n === 1) return dialDc();
          if (n === 3) refused();
          return Promise.reject(new Error("connection refused"));
        },
      });
      await reset(dc, client);
      await refusals;
      await client.close();
      expect((await faultOf(client.self())).code).toBe("CLIENT_CLOSED");
    });

    it("while nothing answers the dial ends the first attempts too", async () => {
      const dc = await bench.startDc();
      let refused = () => {};
      const refusals = new Promise<void>((resolve) => (refused = resolve));
      const { client } = bench.open(dc, {
        dial(n) {
          if (n === 2) refused();
          return Promise.reject(new Error("connection refused"));
        },
      });
      const connecting = faultOf(client.connect());
      await refusals;
      await client.close();
      expect((await connecting).code).toBe("CLIENT_CLOSED");
    });
  });

  describe("a gate that refuses", () => {
    const refusal = () =>
      new HoldfastError({ code: "GATE_REFUSED", message: "The gate does not dial: it was cut." });

    it("is final for a client that connects", async () => {
      const dc = await bench.startDc();
      const { client, wire, ends, dials } = bench.open(dc, {
        dial: () => Promise.reject(refusal()),
      });
      expect((await faultOf(client.connect())).code).toBe("GATE_REFUSED");
      expect((await faultOf(client.self())).code).toBe("GATE_REFUSED");
      expect(wire).toEqual(["disconnected"]);
      expect(ends).toMatchObject([{ code: "GATE_REFUSED" }]);
      expect(dials()).toBe(1);
    });

    it.each([
      ["at once", () => Promise.reject(refusal())],
      ["behind what it has written already", async () => refusedOnceWritten(refusal())],
    ])("is final for a client whose wire broke, which is told once: %s", async (_when, refuse) => {
      const dc = await bench.startDc();
      const { client, wire, ends, dials } = await bench.person(dc, "ada", {
        dial: (n, dialDc) => (n === 1 ? dialDc() : refuse()),
      });
      await reset(dc, client);
      await expect
        .poll(() => faultOf(client.self()), { timeout: patienceMs })
        .toMatchObject({ code: "GATE_REFUSED" });
      expect(wire).toEqual(["connected", "disconnected"]);
      expect(ends).toMatchObject([{ code: "GATE_REFUSED" }]);
      expect(dials()).toBe(2);
    });
  });

  describe("one connection", () => {
    it("is all that there is when something lies in another data centre", async () => {
      const dc = await bench.startDc();
      const { client, dials } = await bench.person(dc, "ada");
      const wires = dc.ledger.connections().length;
      const migrate = { kind: "error", code: 303, message: "FILE_MIGRATE_4" } as const;
      dc.phone.addFault({ ...migrate, method: "messages.getDialogs" });
      expect((await faultOf(client.dialogs(10))).kind).toBe("refused");
      expect((await client.self()).isBot).toBe(false);
      expect(dials()).toBe(1);
      expect(dc.ledger.connections()).toHaveLength(wires);
    });

    it("keeps what comes together with an error", async () => {
      const dc = await bench.startDc();
      const { client, id, pushed, until } = await bench.person(dc, "ada");
      const wires = dc.ledger.connections().length;
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const calls = Array.from({ length: 20 }, (_, n) =>
        n % 2 === 0 ? client.self() : client.answerTap("1").catch(() => null),
      );
      dc.phone.send("bob", { peer: "ada", text: "hello" });
      const answers = await Promise.all(calls);
      expect(answers.filter((answer) => answer?.userId === String(id))).toHaveLength(10);
      await until(() => pushed.some((entry) => entry?.update?.kind === "message"));
      expect(dc.ledger.connections()).toHaveLength(wires);
    });
  });

  describe("a wire that is not open yet", () => {
    it("is written to, and is read from once it opens", async () => {
      const dc = await bench.startDc();
      const wires: ReturnType<typeof opensOnceWritten>[] = [];
      const { client, dials } = await bench.person(dc, "ada", {
        async dial(n, dialDc) {
          if (n === 1) return dialDc();
          const wire = opensOnceWritten(dialDc);
          wires.push(wire);
          return wire;
        },
      });
      await reset(dc, client);
      expect((await client.self()).isBot).toBe(false);
      expect(wires.map(({ wasReadEarly }) => wasReadEarly())).toEqual([false]);
      expect(dials()).toBe(2);
    });

    it("and never opens is followed by another, on which the waiting call is made once", async () => {
      const dc = await bench.startDc();
      const unreached = [0, 0].map(() => refusedOnceWritten(unreachable("no route")));
      const { client, ends, dials } = await bench.person(dc, "ada", {
        dial: async (n, dialDc) => (n === 1 ? dialDc() : (unreached.pop() ?? dialDc())),
      });
      const asked = () => dc.ledger.rpcs().filter(({ method }) => method === "users.getUsers");
      const askedBefore = asked().length;
      const begunMs = performance.now();
      await reset(dc, client);
      expect((await client.self()).isBot).toBe(false);
      // A rest behind each wire that did not open, and longer ones each time.
      expect(performance.now() - begunMs).toBeGreaterThan(500);
      expect(asked()).toHaveLength(askedBefore + 1);
      expect(ends).toEqual([]);
      expect(dials()).toBe(4);
    });
  });

  it("works over any stream that it is given, not TCP sockets only", async () => {
    const dc = await bench.startDc();
    const { client } = await bench.person(dc, "ada", {
      dial: async (_n, dialDc) => tunnel(await dialDc()),
    });
    expect((await client.self()).isBot).toBe(false);
  });
}

/** Breaks the client's wire. */
async function reset(dc: TelegramDc, client: TelegramClient): Promise<void> {
  dc.phone.addFault({ kind: "reset", method: "messages.getDialogs" });
  await faultOf(client.dialogs(10));
}

/** A connection that is refused for this reason as soon as something was written to it. */
function refusedOnceWritten(reason: Error): Dialled {
  let refuse = (_reason: Error): void => {};
  const opened = new Promise<void>((_resolve, reject) => (refuse = reject));
  opened.catch(() => undefined);
  const stream = new Duplex({
    read: () => undefined,
    write(_chunk, _encoding, done) {
      done();
      refuse(reason);
      stream.destroy();
    },
  });
  return { stream, opened };
}

/** A connection that the data centre is reached for as soon as something was written to it. */
function opensOnceWritten(dialDc: () => Promise<Duplex>) {
  let inner: Promise<Duplex> | null = null;
  let isOpen = false;
  let wasReadEarly = false;
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  async function reach(): Promise<Duplex> {
    const reached = await dialDc();
    reached.on("data", (chunk: Buffer) => void stream.push(chunk));
    reached.once("close", () => stream.destroy());
    isOpen = true;
    open();
    return reached;
  }
  async function pass(chunk: Buffer, done: () => void): Promise<void> {
    inner ??= reach();
    (await inner).write(chunk, done);
  }
  async function drop(): Promise<void> {
    (await inner)?.destroy();
  }
  const stream = new Duplex({
    read: () => void (wasReadEarly ||= !isOpen),
    write: (chunk: Buffer, _encoding, done) => void pass(chunk, done),
    destroy(error, done) {
      void drop();
      done(error);
    },
  });
  return { stream, opened, wasReadEarly: () => wasReadEarly };
}

/** A stream other than a socket, which passes everything on to one. */
function tunnel(inner: Duplex): Duplex {
  const outer = new Duplex({
    read: () => void inner.resume(),
    write: (chunk: Buffer, _encoding, done) => void inner.write(chunk, done),
    destroy(error, done) {
      inner.destroy();
      done(error);
    },
  });
  inner.on("data", (chunk: Buffer) => {
    if (!outer.push(chunk)) inner.pause();
  });
  inner.once("close", () => outer.destroy());
  return outer;
}
