import { randomBytes } from "node:crypto";
import { igeDecrypt, igeEncrypt } from "../../../src/telegram-dc/protocol/crypto/ige.ts";
import {
  computeMessageKey,
  deriveMessageKey,
} from "../../../src/telegram-dc/protocol/crypto/message-keys.ts";
import {
  containerConstructor,
  type WireMessage,
  readContainer,
  writeContainer,
} from "../../../src/telegram-dc/protocol/messages/container.ts";
import { gzipId, decodeBoxed, unpack } from "../../../src/telegram-dc/protocol/tl/decode.ts";
import { encodeBoxed } from "../../../src/telegram-dc/protocol/tl/encode.ts";
import { isTlObject } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import { TlReader } from "../../../src/telegram-dc/protocol/tl/tl-reader.ts";
import { TlWriter } from "../../../src/telegram-dc/protocol/tl/tl-writer.ts";
import type { TlObject, TlValue } from "../../../src/telegram-dc/seam.ts";
import type { RawConnection } from "./raw-client.ts";
import type { RawKey } from "./raw-handshake.ts";
import type { StubDataCentre } from "./stub-world.ts";

const RPC_RESULT_ID = 0xf35c6d01;
const RPC_ERROR_ID = 0x2144ca19;
const LAYER = 198;

/** A message of the server, decoded. `rpc_result` holds req_msg_id, isPacked, and result or error. */
interface ServerMessage {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly value: TlObject;
}

/** One encrypted session; the test decides every detail. */
export interface RawSession {
  id: bigint;
  salt: bigint;
  nextMessageId(): bigint;
  nextSequence(isContent: boolean): number;
  encodeApi(query: TlObject): Buffer;
  encodeService(message: TlObject): Buffer;
  /** Seals and sends one message as it is. */
  sendWire(message: WireMessage): void;
  /** Sends a call and answers its message id. */
  call(query: TlObject): bigint;
  service(message: TlObject, isContent?: boolean): bigint;
  container(messages: readonly WireMessage[], containerId?: bigint): bigint;
  /** The next message of a type, others are passed over. */
  expect(type: string): Promise<ServerMessage>;
  /** The result of a call, or its error. */
  resultOf(messageId: bigint): Promise<ServerMessage>;
  /** Flips a bit in the last block of the next frame, which is padding. */
  damageNextFrame(): void;
  /** The number of unrequested messages of a type. */
  unreadOf(type: string): number;
  /** Takes the id of another session, as a client does when it changes its temporary key. */
  adopt(id: bigint): void;
  /** Goes on over another connection. */
  moveTo(raw: RawConnection): void;
}

/** Wraps a query so that the key counts as initialised. */
export function initialised(query: TlObject): TlObject {
  return {
    _: "invokeWithLayer",
    layer: LAYER,
    query: {
      _: "initConnection",
      api_id: 1,
      device_model: "raw",
      system_version: "1",
      app_version: "2",
      query,
    },
  };
}

/** A session of a key over a connection. */
export function startSession(dc: StubDataCentre, firstRaw: RawConnection, key: RawKey): RawSession {
  const { schemas } = dc.server;
  const received: ServerMessage[] = [];
  let raw = firstRaw;
  let lastMessageId = 0n;
  let contentSent = 0;
  let isNextDamaged = false;

  function encodeWith(layer: number, value: TlObject): Buffer {
    const writer = new TlWriter();
    encodeBoxed(layer === 0 ? schemas.service : schemas.resolve(layer), writer, value);
    return writer.finish();
  }

  function decodeMessage(message: WireMessage): ServerMessage {
    const { messageId, sequence } = message;
    const reader = new TlReader(message.body);
    if (reader.peekUint() === gzipId) {
      reader.uint();
      return decodeMessage({ ...message, body: unpack(reader.bytes()) });
    }
    if (reader.peekUint() === RPC_RESULT_ID) {
      return { messageId, sequence, value: decodeResult(reader) };
    }
    const layer = schemas.service.byId.has(reader.peekUint())
      ? schemas.service
      : schemas.resolve(LAYER);
    const value = decodeBoxed(layer, reader);
    if (!isTlObject(value)) throw new Error("an object was expected");
    return { messageId, sequence, value };
  }

  function decodeResult(reader: TlReader): TlObject {
    reader.uint();
    const head = { _: "rpc_result", req_msg_id: reader.long() };
    const id = reader.peekUint();
    const isService = id === RPC_ERROR_ID || schemas.service.byId.has(id);
    const result: TlValue = decodeBoxed(
      isService ? schemas.service : schemas.resolve(LAYER),
      reader,
    );
    return { ...head, isPacked: id === gzipId, result };
  }

  async function readFrame(): Promise<void> {
    const frame = await raw.nextFrame();
    if (frame.length === 4) throw new Error(`transport error ${frame.readInt32LE(0)}`);
    const messageKey = frame.subarray(8, 24);
    const plain = igeDecrypt(
      deriveMessageKey(key.bytes, messageKey, "from-server"),
      frame.subarray(24),
    );
    if (!computeMessageKey(key.bytes, plain, "from-server").equals(messageKey)) {
      throw new Error("wrong message key");
    }
    const messageId = plain.readBigInt64LE(16);
    const body = plain.subarray(32, 32 + plain.readInt32LE(28));
    const outer = { messageId, sequence: plain.readInt32LE(24), body };
    const messages =
      body.readUInt32LE(0) === containerConstructor ? readContainer(messageId, body) : [outer];
    for (const message of messages ?? []) received.push(decodeMessage(message));
  }

  async function find(matches: (message: ServerMessage) => boolean): Promise<ServerMessage> {
    for (;;) {
      const index = received.findIndex(matches);
      const [message] = index < 0 ? [] : received.splice(index, 1);
      if (message !== undefined) return message;
      await readFrame();
    }
  }

  const session: RawSession = {
    id: randomBytes(8).readBigInt64LE(0),
    salt: key.salt,
    nextMessageId() {
      const now = (BigInt(Date.now()) << 32n) / 1000n;
      const aligned = now - (now % 4n);
      lastMessageId = aligned > lastMessageId ? aligned : lastMessageId + 4n;
      return lastMessageId;
    },
    nextSequence(isContent) {
      return isContent ? contentSent++ * 2 + 1 : contentSent * 2;
    },
    encodeApi: (query) => encodeWith(LAYER, query),
    encodeService: (message) => encodeWith(0, message),
    sendWire({ messageId, sequence, body }) {
      const paddingBytes = 16 + 12 + ((16 - ((32 + body.length + 12) % 16)) % 16);
      const plain = Buffer.concat([Buffer.alloc(32), body, randomBytes(paddingBytes)]);
      plain.writeBigInt64LE(session.salt, 0);
      plain.writeBigInt64LE(session.id, 8);
      plain.writeBigInt64LE(messageId, 16);
      plain.writeInt32LE(sequence, 24);
      plain.writeInt32LE(body.length, 28);
      const messageKey = computeMessageKey(key.bytes, plain, "from-client");
      const sealed = igeEncrypt(deriveMessageKey(key.bytes, messageKey, "from-client"), plain);
      const id = Buffer.alloc(8);
      id.writeBigInt64LE(key.id);
      if (isNextDamaged) sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
      isNextDamaged = false;
      raw.send(Buffer.concat([id, messageKey, sealed]));
    },
    call(query) {
      const messageId = session.nextMessageId();
      session.sendWire({
        messageId,
        sequence: session.nextSequence(true),
        body: session.encodeApi(query),
      });
      return messageId;
    },
    service(message, isContent = false) {
      const messageId = session.nextMessageId();
      session.sendWire({
        messageId,
        sequence: session.nextSequence(isContent),
        body: session.encodeService(message),
      });
      return messageId;
    },
    container(messages, containerId = session.nextMessageId()) {
      session.sendWire({
        messageId: containerId,
        sequence: session.nextSequence(false),
        body: writeContainer(messages),
      });
      return containerId;
    },
    expect: (type) => find((message) => message.value._ === type),
    resultOf: (messageId) =>
      find(({ value }) => value._ === "rpc_result" && value["req_msg_id"] === messageId),
    damageNextFrame() {
      isNextDamaged = true;
    },
    unreadOf: (type) => received.filter((message) => message.value._ === type).length,
    adopt(id) {
      session.id = id;
    },
    moveTo(other) {
      raw = other;
    },
  };
  return session;
}
