import type { Duplex } from "node:stream";
import { AuthKey } from "telegram/crypto/AuthKey.js";
import { LogLevel, Logger } from "telegram/extensions/Logger.js";
import { PromisedNetSockets } from "telegram/extensions/PromisedNetSockets.js";
import { Connection, MTProtoSender, UpdateConnectionState } from "telegram/network/index.js";
import { RequestState } from "telegram/network/RequestState.js";
import { LAYER } from "telegram/tl/AllTLObjects.js";
import { GZIPPacked, RPCResult } from "telegram/tl/core/index.js";
import { Api } from "telegram/tl/index.js";
import { returnBigInt } from "telegram/Helpers.js";
import type { Dialled } from "../../../ports/custody/gate.ts";
import type { DeviceIdentity } from "../../../ports/telegram/telegram.ts";
import { TelegramError } from "../../../ports/telegram/telegram-error.ts";
import { fromGramJs } from "./objects.ts";
import { type IdleLimits, spreadPing } from "../idle-limits.ts";
import { resetSocket } from "../tcp-transport.ts";
import { refuseBadPlainFrame, refuseLongFrame, unpackEither } from "../wire-bounds.ts";
import { rpcFault } from "../faults.ts";

export interface GramJsWireOptions {
  readonly dialled: Dialled;
  /** null makes a new key. */
  readonly key: Uint8Array | null;
  /** Zero for one that is not known. */
  readonly salt: string;
  readonly dcId: number;
  readonly apiId: number;
  readonly device: DeviceIdentity;
  readonly idle: IdleLimits;
  /** Nothing is sent under a new key before this resolves. */
  readonly onKey: (key: Uint8Array) => Promise<void>;
  /** As mtcute spells them. */
  readonly onUpdates: (updates: unknown) => void;
  /** The positive number that the transport sent in place of a frame. */
  readonly onTransportError: (code: number) => void;
}

/** One connection of GramJS, over one stream, once. It never dials and never comes back. */
export interface GramJsWire {
  /** Makes the key if there is none, and introduces the client. Rejects when the wire breaks or Telegram refuses. */
  open(): Promise<void>;
  /** Rejects with TelegramError; does not settle when the wire breaks. */
  call(request: Api.AnyRequest): Promise<unknown>;
  /** As the data centre asked for it last. */
  salt(): string;
  /** Resets the stream. */
  cut(): void;
  /** Resolves when the stream is gone, by whomever. */
  readonly closed: Promise<void>;
}

const intermediateTag = Buffer.from("eeeeeeee", "hex");
const lengthBytes = 4;
/** GramJS was seen to wait for ever in a key exchange that went wrong. */
const openMsMax = 15_000;

// GramJS unpacks without a bound.
GZIPPacked.ungzip = unpackEither;

export function createGramJsWire(options: GramJsWireOptions): GramJsWire {
  const { stream } = options.dialled;
  let failure: unknown = null;
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  stream.on("error", (error) => {
    failure ??= error;
  });
  const log = new Logger(LogLevel.NONE);
  const connection = new StreamConnection(options.dialled, log, options.onTransportError);
  const key = new AuthKey();
  const sender = createSender();

  function createSender(): MTProtoSender {
    // The sender asks its client for this and, to connect again, for a socket: this one never connects again.
    const client = {
      _errorHandler(error: unknown) {
        failure ??= error;
      },
    };
    const made = new OneWireSender(key, {
      ...MTProtoSender.DEFAULT_OPTIONS,
      logger: log,
      dcId: options.dcId,
      retries: 1,
      delay: 0,
      isMainSender: true,
      securityChecks: true,
      client: client as never,
      onConnectionBreak: () => undefined,
      _exportedSenderPromises: new Map(),
      authKeyCallback: (agreed: AuthKey) => options.onKey(agreed.getKey()!),
      updateCallback(_client: unknown, update: unknown) {
        if (update instanceof UpdateConnectionState || typeof update !== "object") return;
        options.onUpdates(fromGramJs(update));
      },
    });
    tellErrorsByName(made);
    stateOf(made).salt = returnBigInt(options.salt);
    return made;
  }

  function call(request: Api.AnyRequest): Promise<unknown> {
    const state = new RequestState(request);
    sender.addStateToQueue(state);
    // GramJS ties a message to the one queued before it, and would fail it with that one.
    state.after = undefined;
    return state.promise as Promise<unknown>;
  }

  async function introduce(): Promise<void> {
    if (options.key !== null) await key.setKey(Buffer.from(options.key));
    const isConnected = await sender.connect(connection, false);
    if (!isConnected) throw failure instanceof Error ? failure : new Error("the wire broke");
    await call(
      new Api.InvokeWithLayer({
        layer: LAYER,
        query: new Api.InitConnection({
          apiId: options.apiId,
          ...options.device,
          systemLangCode: options.device.langCode,
          langPack: "",
          query: new Api.help.GetConfig(),
        }),
      }),
    );
  }

  async function open(): Promise<void> {
    const tooLate = setTimeout(cut, openMsMax);
    const broken = closed.then(() => {
      throw failure instanceof Error ? failure : new Error("the wire broke");
    });
    try {
      await Promise.race([introduce(), broken]);
    } finally {
      clearTimeout(tooLate);
    }
    keepAlive();
  }

  /** Cuts the wire when a ping is not answered in time. */
  function keepAlive(): void {
    const { idle } = options;
    let timer: NodeJS.Timeout;
    const pingLater = () => {
      timer = setTimeout(ping, spreadPing(idle)).unref();
    };
    const ping = () => {
      timer = setTimeout(cut, idle.pongMs).unref();
      const request = new Api.PingDelayDisconnect({
        pingId: returnBigInt(Date.now()),
        disconnectDelay: Math.round(idle.hangUpMs / 1000),
      });
      call(request).then(
        () => {
          clearTimeout(timer);
          if (!stream.destroyed) pingLater();
        },
        () => undefined,
      );
    };
    pingLater();
    void closed.then(() => clearTimeout(timer));
  }

  function cut(): void {
    resetSocket(stream);
  }

  void closed.then(() => sender.disconnect());
  return { open, call, cut, closed, salt: () => String(stateOf(sender).salt) };
}

/** The library would dial again by itself, a second after its wire broke. */
class OneWireSender extends MTProtoSender {
  override reconnect(): void {
    void this._connection?.disconnect();
  }

  override _reconnect(): Promise<void> {
    return Promise.resolve();
  }
}

/** GramJS's queues of frames are left out: they hold one frame and have been seen to forget it. */
class StreamConnection extends Connection {
  readonly #stream: Duplex;
  readonly #frames: AsyncGenerator<Buffer>;
  readonly #onTransportError: (code: number) => void;

  constructor(
    { stream, opened }: Dialled,
    loggers: Logger,
    onTransportError: (code: number) => void,
  ) {
    super({ ip: "", port: 0, dcId: 0, loggers, socket: PromisedNetSockets, testServers: false });
    this.#stream = stream;
    this.#frames = framesOf(stream, opened);
    this.#onTransportError = onTransportError;
  }

  override connect(): Promise<void> {
    this._connected = true;
    this.#stream.write(intermediateTag);
    return Promise.resolve();
  }

  override send(data: Buffer): Promise<void> {
    if (!this._connected || this.#stream.destroyed)
      return Promise.reject(new Error("Not connected"));
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(data.length);
    return new Promise((resolve, reject) => {
      this.#stream.write(Buffer.concat([length, data]), (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }

  override async recv(): Promise<Buffer> {
    const next = await this.#frames.next();
    if (next.done === true || !this._connected) throw new Error("Not connected");
    if (next.value.length !== lengthBytes) {
      refuseBadPlainFrame(next.value);
      return next.value;
    }
    const code = -next.value.readInt32LE();
    this.#onTransportError(code);
    throw new Error(`the transport answered -${code}`);
  }

  override disconnect(): Promise<void> {
    this._connected = false;
    resetSocket(this.#stream);
    return Promise.resolve();
  }
}

/** The frames of an intermediate transport (https://core.telegram.org/mtproto/mtproto-transports#intermediate). */
async function* framesOf(stream: Duplex, opened: Promise<void>): AsyncGenerator<Buffer> {
  await opened;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= lengthBytes) {
      const bytes = rest.readUInt32LE();
      refuseLongFrame(bytes);
      if (rest.length < lengthBytes + bytes) break;
      yield rest.subarray(lengthBytes, lengthBytes + bytes);
      rest = rest.subarray(lengthBytes + bytes);
    }
  }
}

/** GramJS's private parts; its version is pinned and its repository is archived. */
interface Insides {
  readonly _state: { salt: ReturnType<typeof returnBigInt> };
  readonly _handlers: Record<string, (message: { readonly obj: Answer }) => void>;
  readonly _pendingState: { getAndDelete(id: unknown): RequestState | undefined };
}

const insidesOf = (sender: MTProtoSender): Insides => sender as unknown as Insides;

function stateOf(sender: MTProtoSender): Insides["_state"] {
  const { _state: state } = insidesOf(sender);
  return state;
}

interface Answer {
  readonly reqMsgId: unknown;
  readonly error?: { readonly errorCode: number; readonly errorMessage: string };
}

/**
 * GramJS renames Telegram's errors, and forgets the rest of a container in which one stands. An answer with an error
 * is told to its caller here, by Telegram's name; every other goes its way.
 */
function tellErrorsByName(sender: MTProtoSender): void {
  const { _handlers: handlers, _pendingState: pending } = insidesOf(sender);
  const id = String(RPCResult.CONSTRUCTOR_ID);
  const handle = handlers[id]!;
  handlers[id] = (message) => {
    const { reqMsgId, error } = message.obj;
    if (error === undefined) return handle(message);
    const { errorCode, errorMessage } = error;
    pending.getAndDelete(reqMsgId)?.reject(new TelegramError(rpcFault(errorCode, errorMessage)));
  };
}
