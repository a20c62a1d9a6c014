import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import {
  type Framing,
  type FramingName,
  createFraming,
} from "../../../src/telegram-dc/protocol/transport/framing.ts";
import type { TestDataCentre } from "../clients/mtcute-client.ts";

const TAGS: Readonly<Record<FramingName, Buffer>> = {
  abridged: Buffer.from([0xef]),
  intermediate: Buffer.alloc(4, 0xee),
  padded: Buffer.alloc(4, 0xdd),
  full: Buffer.alloc(0),
};

/** A TCP connection that speaks frames and nothing else. */
export interface RawConnection {
  readonly socket: Socket;
  send(payload: Uint8Array): void;
  /** The next frame; rejects when the connection closes before one came. */
  nextFrame(): Promise<Buffer>;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  /** Resets the connection and waits for its end. */
  cut(): Promise<void>;
}

export interface RawOptions {
  readonly framing?: FramingName;
  readonly obfuscated?: boolean;
  readonly port?: number;
  /** Asks for a quick acknowledgement with every frame; for intermediate only. */
  readonly quickAck?: boolean;
}

/** Opens a connection in a given framing, plain or obfuscated. */
export async function openRaw(
  dc: TestDataCentre,
  options: RawOptions = {},
): Promise<RawConnection> {
  const { framing: name = "intermediate", obfuscated = false, port = dc.port } = options;
  const socket = connect({ host: dc.host, port, noDelay: true });
  await once(socket, "connect");
  const framing = createFraming(name);
  const ciphers = obfuscated ? startObfuscation(socket, name) : undefined;
  if (!obfuscated && TAGS[name].length > 0) socket.write(TAGS[name]);
  return readFrames(socket, options.quickAck === true ? askQuickAcks(framing) : framing, ciphers);
}

function askQuickAcks(framing: Framing): Framing {
  return {
    ...framing,
    write(payload) {
      const frame = framing.write(payload);
      frame.writeUInt32LE((frame.readUInt32LE(0) | 0x80000000) >>> 0, 0);
      return frame;
    },
  };
}

interface Ciphers {
  encrypt(bytes: Uint8Array): Buffer;
  decrypt(bytes: Uint8Array): Buffer;
}

/** The client's half of the obfuscated header. */
function startObfuscation(socket: Socket, name: FramingName): Ciphers {
  const header = randomBytes(64);
  // First byte and second word must not look like a plain transport.
  header[0] = 1;
  header[4] = 1;
  const tag = name === "abridged" ? Buffer.alloc(4, 0xef) : TAGS[name];
  tag.copy(header, 56);
  const reversed = Buffer.from(header.subarray(8, 56).toReversed());
  const cipher = createCipheriv("aes-256-ctr", header.subarray(8, 40), header.subarray(40, 56));
  const decipher = createDecipheriv(
    "aes-256-ctr",
    reversed.subarray(0, 32),
    reversed.subarray(32, 48),
  );
  const sealed = cipher.update(header);
  socket.write(Buffer.concat([header.subarray(0, 56), sealed.subarray(56)]));
  return { encrypt: (bytes) => cipher.update(bytes), decrypt: (bytes) => decipher.update(bytes) };
}

function readFrames(socket: Socket, framing: Framing, ciphers: Ciphers | undefined): RawConnection {
  const frames: Buffer[] = [];
  const waiters: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = [];
  let pending: Buffer = Buffer.alloc(0);
  let isClosed = false;

  socket.on("data", (bytes: Buffer) => {
    pending = Buffer.concat([pending, ciphers?.decrypt(bytes) ?? bytes]);
    for (let frame = framing.read(pending); frame !== undefined; frame = framing.read(pending)) {
      pending = pending.subarray(frame.streamBytes);
      const waiter = waiters.shift();
      if (waiter === undefined) frames.push(frame.payload);
      else waiter.resolve(frame.payload);
    }
  });
  socket.on("error", () => {
    // A reset is expected by some tests; the close event follows.
  });
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      isClosed = true;
      for (const waiter of waiters.splice(0)) waiter.reject(new Error("connection closed"));
      resolve();
    });
  });
  return {
    socket,
    closed,
    send(payload) {
      const frame = framing.write(payload);
      socket.write(ciphers?.encrypt(frame) ?? frame);
    },
    nextFrame() {
      const frame = frames.shift();
      if (frame !== undefined) return Promise.resolve(frame);
      if (isClosed) return Promise.reject(new Error("connection closed"));
      return new Promise((resolve, reject) => {
        waiters.push({ resolve, reject });
      });
    },
    async cut() {
      socket.resetAndDestroy();
      await closed;
    },
  };
}

/** Raw RSA with the data centre's public key. */
export function rsaRaw(publicKeyPem: string, block: Uint8Array): Buffer {
  const key = createPublicKey(publicKeyPem);
  return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, block);
}
