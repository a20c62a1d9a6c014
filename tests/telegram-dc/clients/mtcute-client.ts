import { type BasicDcOption, type DcOptions } from "@mtcute/core/utils.js";
import { type IPacketCodec, MemoryStorage } from "@mtcute/core";
import {
  BaseTelegramClient,
  type BaseTelegramClientOptions,
  TelegramClient,
} from "@mtcute/core/client.js";
import {
  type MtcuteLogLine,
  createNodeCrypto,
  createNodePlatform,
  createTcpTransport,
  trustServerKey,
} from "../../../src/adapters/telegram/mtcute-platform.ts";

/**
 * The address and the key of a data centre; both a ProtocolServer and a whole TelegramDc offer
 * this.
 */
export interface TestDataCentre {
  readonly host: string;
  readonly port: number;
  /** The port of the media address. */
  readonly mediaPort: number;
  readonly dcId: number;
  readonly rsaPublicKeyPem: string;
}

/** A test's own choices for an mtcute client. */
export interface MtcuteOptions {
  /** A session string made by `exportSession`. */
  readonly session?: string;
  readonly createCodec?: () => IPacketCodec;
  readonly onLog?: (line: MtcuteLogLine) => void;
  /** Passed to the client as they are. */
  readonly client?: Partial<BaseTelegramClientOptions>;
  /** False wraps every call in invokeWithoutUpdates; mtcute then takes a second to connect. */
  readonly updates?: boolean;
}

const API_HASH = "0123456789abcdef0123456789abcdef";

function addressesOf(dc: TestDataCentre): DcOptions {
  const main: BasicDcOption = { id: dc.dcId, ipAddress: dc.host, port: dc.port };
  return { main, media: { ...main, port: dc.mediaPort, mediaOnly: true } };
}

/** An unmodified mtcute base client for a data centre, not connected yet. End it with `destroy()`. */
export function makeMtcute(dc: TestDataCentre, options: MtcuteOptions = {}): BaseTelegramClient {
  const crypto = createNodeCrypto();
  trustServerKey(crypto, dc.rsaPublicKeyPem);
  const { onLog, createCodec } = options;
  return new BaseTelegramClient({
    apiId: 1,
    apiHash: API_HASH,
    crypto,
    platform: createNodePlatform(onLog === undefined ? {} : { onLog, logLevel: 5 }),
    transport: createTcpTransport(createCodec === undefined ? {} : { createCodec }),
    storage: new MemoryStorage(),
    defaultDcs: addressesOf(dc),
    disableUpdates: options.updates === false,
    network: { connectionCount: () => 1 },
    ...options.client,
  });
}

/** An unmodified mtcute base client, connected: its key exists. End it with `destroy()`. */
export async function connectMtcute(
  dc: TestDataCentre,
  options: MtcuteOptions = {},
): Promise<BaseTelegramClient> {
  const client = makeMtcute(dc, options);
  if (options.session !== undefined) await client.importSession(options.session);
  await client.connect();
  return client;
}

/** The high-level client (`start`, `sendText`, `onNewMessage`, …) over a base client. */
export function highLevelMtcute(client: BaseTelegramClient): TelegramClient {
  return new TelegramClient({ client });
}
