import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, afterEach, expect } from "vitest";
import type { Endpoint } from "../../src/ports/gate.ts";
import {
  type DataCentre,
  defaultDevice,
  type PushedUpdate,
  type TelegramClient,
  type TelegramDriver,
  type TelegramDriverOptions,
  type TelegramFault,
} from "../../src/ports/telegram.ts";
import { TelegramError } from "../../src/ports/telegram-error.ts";
import { generateRsaKey } from "../../src/telegram-dc/protocol/server.ts";
import type { WorldConfig } from "../../src/telegram-dc/world/config.ts";
import { startTelegramDc, type TelegramDc } from "../../src/telegram-dc/telegram-dc.ts";

/** Makes the driver under contract. */
export type MakeDriver = (
  options: TelegramDriverOptions,
  limits: { readonly callMsMax?: number },
) => TelegramDriver;

/** The reports of one client, in order, and a way to wait for the next report. */
export interface Reports {
  readonly sessions: { readonly keyId: string; readonly bytes: Uint8Array }[];
  readonly pushed: (PushedUpdate | null)[];
  readonly serviceMessages: string[];
  /** How often a login token was accepted. */
  tokensAccepted: number;
  readonly deaths: TelegramFault[];
  /** The reason why the client ended by itself. */
  readonly ends: TelegramFault[];
  /** `connected` and `disconnected`. */
  readonly wire: string[];
  /** Resolves as soon as `seen` holds, now or after a later report. */
  until(seen: () => boolean): Promise<void>;
}

export interface OpenedClient extends Reports {
  readonly client: TelegramClient;
  /** How often the client has dialled, without the wires of key exchanges that failed by chance. */
  dials(): number;
}

export interface ClientOptions {
  readonly session?: Uint8Array;
  /** In place of dialling the data centre; `n` counts from 1, as `dials` does. */
  readonly dial?: (n: number, dialDc: () => Promise<Duplex>) => Promise<Duplex>;
  readonly onSession?: () => Promise<void>;
  readonly callMsMax?: number;
}

export interface TelegramBench {
  startDc(config?: Partial<WorldConfig>): Promise<TelegramDc>;
  open(dc: TelegramDc, options?: ClientOptions): OpenedClient;
  /** A client that is logged in as a new person. */
  person(
    dc: TelegramDc,
    username: string,
    options?: ClientOptions,
  ): Promise<OpenedClient & { id: bigint }>;
  bot(dc: TelegramDc, username: string): Promise<OpenedClient & { id: bigint }>;
}

/** One key for all data centres of a file, as making one takes long. */
const rsaKey = generateRsaKey();
let phoneLast = 99_966_200_000;

/**
 * Opens data centres and clients for the tests of a file. After each test it closes every client
 * and asks each data centre's ledger: no socket lives, no key was used twice at once, and nothing
 * went wrong inside.
 */
export function createTelegramBench(makeDriver: MakeDriver): TelegramBench {
  const centres: TelegramDc[] = [];
  /** The number of keys that clients of a data centre have reported. */
  const told = new WeakMap<TelegramDc, number>();
  const keysTold = (dc: TelegramDc) => told.get(dc) ?? 0;
  const clients: TelegramClient[] = [];
  let dialsAfterClose = 0;

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    for (const dc of centres.splice(0)) {
      await untilNoneOpen(dc);
      expect(dc.ledger.overlaps()["any-two-connections"]).toBe(0);
      expect(dc.ledger.internalErrors()).toEqual([]);
      expect(dc.ledger.unknownMethods()).toEqual({});
      await dc.close();
    }
  });
  afterAll(() => {
    expect(dialsAfterClose).toBe(0);
  });

  function open(dc: TelegramDc, options: ClientOptions = {}): OpenedClient {
    const { reports, report } = createReports();
    let dials = 0;
    /**
     * Wires lost by chance. Both libraries refuse a key that begins with a zero byte, one in 256,
     * and make another on a new wire. The data centre has made those keys; no client reported them.
     */
    const untold = () => dc.protocolStats.keysMade - keysTold(dc);
    const untoldBefore = untold();
    const lost = () => untold() - untoldBefore;
    let closed = false;
    const driver = makeDriver(
      { apiId: 1, apiHash: "0".repeat(32), dataCentre: centreOf(dc) },
      options.callMsMax === undefined ? {} : { callMsMax: options.callMsMax },
    );
    const client = driver.open({
      session: options.session ?? null,
      device: { ...defaultDevice, deviceModel: "contract" },
      dial(to) {
        dials += 1;
        if (closed) dialsAfterClose += 1;
        const dialDc = (): Promise<Duplex> => dialTcp(to);
        return options.dial === undefined ? dialDc() : options.dial(dials - lost(), dialDc);
      },
      events: {
        async onSession(session) {
          told.set(dc, keysTold(dc) + 1);
          report(() => reports.sessions.push(session));
          await options.onSession?.();
        },
        onUpdates: (pushed) => report(() => reports.pushed.push(...(pushed ?? [null]))),
        onDyingKey: () => {},
        onLoginToken: () => report(() => (reports.tokensAccepted += 1)),
        onServiceMessage: (text) => report(() => reports.serviceMessages.push(text)),
        onConnected: () => report(() => reports.wire.push("connected")),
        onDisconnected: () => report(() => reports.wire.push("disconnected")),
        onEnded: (fault) => report(() => reports.ends.push(fault)),
        onDeadKey: (fault) => report(() => reports.deaths.push(fault)),
      },
    });
    clients.push({
      ...client,
      close: () => client.close().then(() => void (closed = true)),
    });
    return Object.assign(reports, { client, dials: () => dials - lost() });
  }

  return {
    async startDc(config) {
      const dc = await startTelegramDc({ rsaKey, config });
      centres.push(dc);
      return dc;
    },
    open,
    async person(dc, username, options) {
      const phone = `+${(phoneLast += 1)}`;
      const { id } = dc.phone.createUser({ phone, firstName: username, username });
      const opened = open(dc, options);
      await opened.client.connect();
      const { codeHash } = await opened.client.requestCode(phone);
      const { code } = dc.phone.readCode(id)!;
      await opened.client.signIn({ phone, codeHash, code });
      forgetLostWires(opened);
      return { ...opened, id };
    },
    async bot(dc, username) {
      const { id, botToken } = dc.phone.createUser({ firstName: username, username, bot: true });
      const opened = open(dc);
      await opened.client.connect();
      await opened.client.signInBot(botToken!);
      forgetLostWires(opened);
      return { ...opened, id };
    },
  };
}

/** The client's report of wires whose key exchange failed by chance. */
function forgetLostWires({ wire }: Pick<OpenedClient, "wire">): void {
  wire.splice(0, wire.length - 1);
}

function createReports(): { reports: Reports; report: (change: () => void) => void } {
  const waiting = new Set<() => void>();
  return {
    report(change) {
      change();
      for (const look of waiting) look();
    },
    reports: {
      sessions: [],
      pushed: [],
      serviceMessages: [],
      tokensAccepted: 0,
      deaths: [],
      ends: [],
      wire: [],
      until: (seen) =>
        new Promise((resolve) => {
          const look = () => {
            if (!seen()) return;
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          look();
        }),
    },
  };
}

function centreOf(dc: TelegramDc): DataCentre {
  return { id: dc.dcId, host: dc.host, port: dc.port, publicKeyPem: dc.rsaPublicKeyPem };
}

export function dialTcp({ host, port }: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

/** The fault that a call rejects with; fails when it does not reject with a TelegramError. */
export async function faultOf(call: Promise<unknown>): Promise<TelegramFault> {
  try {
    await call;
  } catch (error) {
    if (error instanceof TelegramError) return error.fault;
    throw error;
  }
  throw new Error("the call was answered");
}

/** A loaded machine may take this long for what takes milliseconds. */
export const patienceMs = 10_000;

/** Resolves when the data centre has no connection left. */
export async function untilNoneOpen(dc: TelegramDc): Promise<void> {
  await expect.poll(() => dc.ledger.summary().connectionsOpen, { timeout: patienceMs }).toBe(0);
}

/** The number of calls of a method, whatever their outcome. */
export function callsOf(dc: TelegramDc, method: string): number {
  return Object.values(dc.ledger.rpcCounts()[method] ?? {}).reduce((sum, n) => sum + n, 0);
}
