import { createHash } from "node:crypto";
import type { Connection, RpcOutcome, TlObject, TlValue } from "../../../src/telegram-dc/seam.ts";
import type { Clock, RandomSource } from "../../../src/telegram-dc/world/clock.ts";
import { defaultWorldConfig, type WorldConfig } from "../../../src/telegram-dc/world/config.ts";
import { createPhone } from "../../../src/telegram-dc/world/phone.ts";
import type { Phone } from "../../../src/telegram-dc/world/phone/phone-port.ts";
import { isTlObject, objectsField } from "../../../src/telegram-dc/world/tl-fields.ts";
import { createWorld, type SimulatedWorld } from "../../../src/telegram-dc/world/world.ts";

/** A clock that stands still until it is moved. */
interface HandClock extends Clock {
  advance(ms: number): void;
}

function createHandClock(startMs = 1_800_000_000_000): HandClock {
  let nowMs = startMs;
  let orders: { atMs: number; action: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    schedule(delayMs, action) {
      const order = { atMs: nowMs + delayMs, action };
      orders.push(order);
      return () => {
        orders = orders.filter((other) => other !== order);
      };
    },
    advance(ms) {
      nowMs += ms;
      const due = orders.filter((order) => order.atMs <= nowMs).toSorted((a, b) => a.atMs - b.atMs);
      orders = orders.filter((order) => order.atMs > nowMs);
      for (const order of due) order.action();
    },
  };
}

/** The same bytes in every run. */
function createSeededRandom(seed = "seed"): RandomSource {
  let count = 0;
  return {
    bytes(length) {
      const parts: Buffer[] = [];
      for (let size = 0; size < length; size += 32) {
        parts.push(createHash("sha256").update(`${seed}:${count++}`).digest());
      }
      return Buffer.concat(parts).subarray(0, length);
    },
  };
}

/** A client's connection, as the protocol half would show it to the world. */
export interface Client {
  readonly connection: Connection;
  readonly keyId: string;
  readonly pushes: TlObject[];
  /** Sends a frame with one call and returns what the world answers. */
  call(method: string, fields?: Record<string, TlObject[string]>): Promise<RpcOutcome>;
  /** The answer's value, of any type. @throws Error with the RPC error's number and text */
  ask(method: string, fields?: Record<string, TlObject[string]>): Promise<TlValue>;
  /** The answer, which must be an object. */
  get(method: string, fields?: Record<string, TlObject[string]>): Promise<TlObject>;
  frame(): "accept" | "ignore" | 404;
  close(): void;
  readonly closes: string[];
}

export interface Bench {
  readonly world: SimulatedWorld;
  readonly phone: Phone;
  readonly clock: HandClock;
  readonly destroyed: string[];
  /** Opens a connection of that key. */
  connect(keyId: string, options?: { address?: string; isMedia?: boolean }): Client;
  /** A connection of a new key, logged in by a code that the phone reads. */
  logIn(phoneNumber: string, keyId?: string): Promise<Client>;
  logInBot(token: string, keyId?: string): Promise<Client>;
}

export function createBench(config: Partial<WorldConfig> = {}): Bench {
  const clock = createHandClock();
  const world = createWorld({
    clock,
    random: createSeededRandom(),
    config: { ...defaultWorldConfig, ...config },
  });
  const phone = createPhone(world.parts);
  const destroyed: string[] = [];
  const open = new Set<Connection>();
  world.attach(
    {
      destroyKey: (id) => destroyed.push(id),
      connections: () => open,
      exportKeys: () => [],
      importKeys: () => undefined,
    },
    { host: "127.0.0.1", port: 443, mediaPort: 444 },
  );
  let connectionIdLast = 0;

  function connect(keyId: string, options: { address?: string; isMedia?: boolean } = {}): Client {
    const pushes: TlObject[] = [];
    const closes: string[] = [];
    const id = ++connectionIdLast;
    const connection: Connection = {
      id,
      address: options.address ?? "127.0.0.1",
      port: 50_000 + id,
      authKeyId: keyId,
      isMedia: options.isMedia ?? false,
      identity: { apiId: 1, deviceModel: "bench", systemVersion: "1", appVersion: "1" },
      wantsUpdates: true,
      push: (updates) => pushes.push(updates),
      close: (how) => closes.push(how),
    };
    open.add(connection);
    world.onConnect(connection);
    let messageId = 0n;
    const client: Client = {
      connection,
      keyId,
      pushes,
      closes,
      frame: () => world.onFrame(connection),
      call(method, fields = {}) {
        const verdict = world.onFrame(connection);
        if (verdict !== "accept") throw new Error(`the frame was answered ${verdict}`);
        messageId += 4n;
        const query: TlObject = { _: method, ...fields };
        return world.onRpc({ connection, authKeyId: keyId, messageId, query, layer: 198 });
      },
      get: async (method, fields) => asObject(await client.ask(method, fields)),
      async ask(method, fields) {
        const outcome = await client.call(method, fields);
        if (outcome.kind === "error") throw new Error(`${outcome.code} ${outcome.message}`);
        if (outcome.kind !== "result") throw new Error(outcome.kind);
        return outcome.value;
      },
      close() {
        open.delete(connection);
        world.onClose(connection, 0, 0);
      },
    };
    return client;
  }

  async function logIn(phoneNumber: string, keyId = `key-of-${phoneNumber}`): Promise<Client> {
    const client = connect(keyId);
    const sent = await client.get("auth.sendCode", sendCodeFields(phoneNumber));
    const user = world.parts.users.byPhone(phoneNumber);
    const code = phone.readCode(user?.id ?? 0n)?.code ?? "";
    await client.get("auth.signIn", {
      phone_number: phoneNumber,
      phone_code_hash: sent["phone_code_hash"],
      phone_code: code,
    });
    return client;
  }

  async function logInBot(token: string, keyId = `key-of-${token}`): Promise<Client> {
    const client = connect(keyId);
    await client.get("auth.importBotAuthorization", {
      flags: 0,
      api_id: 1,
      api_hash: "x",
      bot_auth_token: token,
    });
    return client;
  }

  return { world, phone, clock, destroyed, connect, logIn, logInBot };
}

export function sendCodeFields(phoneNumber: string): Record<string, TlObject[string]> {
  return {
    phone_number: phoneNumber,
    api_id: 1,
    api_hash: "x",
    settings: { _: "codeSettings" },
  };
}

/** An InputPeer for `targetId`, valid for `viewerId`. */
export function inputPeer(bench: Bench, viewerId: bigint, targetId: bigint): TlObject {
  return {
    _: "inputPeerUser",
    user_id: targetId,
    access_hash: bench.world.parts.users.accessHash(viewerId, targetId),
  };
}

/** The updates inside the envelopes that were pushed. */
export function pushedUpdates(client: Client): TlObject[] {
  return client.pushes.flatMap((envelope) =>
    envelope._ === "updateShort"
      ? [asObject(envelope["update"])]
      : objectsField(envelope, "updates"),
  );
}

/** The value at the end of a path of fields and indexes. */
export function inner(object: TlObject | undefined, ...path: (string | number)[]): TlValue {
  let value: TlValue = object;
  for (const step of path) {
    if (typeof step === "number") value = Array.isArray(value) ? value[step] : undefined;
    else value = isTlObject(value) ? value[step] : undefined;
  }
  return value;
}

function asObject(value: TlValue): TlObject {
  if (isTlObject(value)) return value;
  throw new Error("the answer is not an object; read it with ask");
}
