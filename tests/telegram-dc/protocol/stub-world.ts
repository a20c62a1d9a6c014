import type { KeyObject } from "node:crypto";
import type {
  Connection,
  RpcCall,
  RpcOutcome,
  TlObject,
  World,
} from "../../../src/telegram-dc/seam.ts";
import type { ProtocolClock } from "../../../src/telegram-dc/protocol/clock.ts";
import type {
  ProtocolIncident,
  ProtocolLimits,
} from "../../../src/telegram-dc/protocol/context.ts";
import {
  type ProtocolServer,
  createProtocolServer,
  generateRsaKey,
} from "../../../src/telegram-dc/protocol/server.ts";
import type { TestDataCentre } from "../clients/mtcute-client.ts";

const DC_ID = 2;
let sharedKey: KeyObject | undefined;

/** A world's memory, for the questions of tests. */
interface StubWorld extends World {
  readonly connections: Connection[];
  readonly calls: RpcCall[];
  readonly keys: { authKeyId: string; kind: "permanent" | "temporary" }[];
  readonly closed: { id: number; bytesIn: number; bytesOut: number }[];
  /** Overrides the answer to a method; undefined falls back to the built-in answer. */
  answer: (call: RpcCall) => Promise<RpcOutcome> | RpcOutcome | undefined;
  onFrameVerdict: (connection: Connection) => "accept" | "ignore" | 404;
  /** Resolves when the next connection has closed. */
  nextClose(): Promise<number>;
  /** Resolves with the next call of a method. */
  nextCall(method: string): Promise<RpcCall>;
}

/** help.getConfig with every field that has no zero. */
function configFor(dc: { host: string; port: number; mediaPort: number }): TlObject {
  const option = { _: "dcOption", id: DC_ID, ip_address: dc.host };
  return {
    _: "config",
    date: 1,
    expires: 2_000_000_000,
    this_dc: DC_ID,
    dc_options: [
      { ...option, port: dc.port },
      { ...option, port: dc.mediaPort, media_only: true },
    ],
    dc_txt_domain_name: "example.invalid",
    me_url_prefix: "https://t.me/",
  };
}

function createStubWorld(
  address: () => { host: string; port: number; mediaPort: number },
): StubWorld {
  const closeWaiters: ((id: number) => void)[] = [];
  const callWaiters: { method: string; resolve: (call: RpcCall) => void }[] = [];
  const world: StubWorld = {
    connections: [],
    calls: [],
    keys: [],
    closed: [],
    answer: () => undefined,
    onFrameVerdict: () => "accept",
    onConnect: (connection) => {
      world.connections.push(connection);
    },
    onAuthKey: (_connection, authKeyId, kind) => {
      world.keys.push({ authKeyId, kind });
    },
    onFrame: (connection) => world.onFrameVerdict(connection),
    async onRpc(call) {
      world.calls.push(call);
      for (const waiter of callWaiters.filter((one) => one.method === call.query._)) {
        callWaiters.splice(callWaiters.indexOf(waiter), 1);
        waiter.resolve(call);
      }
      const own = await world.answer(call);
      return own ?? builtInAnswer(call, address());
    },
    onClose: (connection, bytesIn, bytesOut) => {
      world.closed.push({ id: connection.id, bytesIn, bytesOut });
      for (const resolve of closeWaiters.splice(0)) resolve(connection.id);
    },
    nextClose: () =>
      new Promise((resolve) => {
        closeWaiters.push(resolve);
      }),
    nextCall: (method) =>
      new Promise((resolve) => {
        callWaiters.push({ method, resolve });
      }),
  };
  return world;
}

function builtInAnswer(
  call: RpcCall,
  address: { host: string; port: number; mediaPort: number },
): RpcOutcome {
  switch (call.query._) {
    case "help.getConfig":
      return { kind: "result", value: configFor(address) };
    case "help.getNearestDc":
      return {
        kind: "result",
        value: { _: "nearestDc", country: "XX", this_dc: DC_ID, nearest_dc: DC_ID },
      };
    case "contacts.getContactIDs":
      return { kind: "result", value: [1, 2, 3] };
    default:
      return { kind: "error", code: 401, message: "AUTH_KEY_UNREGISTERED" };
  }
}

/** A running protocol server with a stub world behind it. */
export interface StubDataCentre extends TestDataCentre {
  readonly world: StubWorld;
  readonly server: ProtocolServer;
  readonly incidents: ProtocolIncident[];
  close(): Promise<void>;
}

/** Starts a data centre on free ports. The RSA key is made once per test file. */
export async function startStubDataCentre(
  options: { clock?: ProtocolClock; limits?: Partial<ProtocolLimits> } = {},
): Promise<StubDataCentre> {
  sharedKey ??= generateRsaKey();
  const address = { host: "127.0.0.1", port: 0, mediaPort: 0 };
  const world = createStubWorld(() => address);
  const incidents: ProtocolIncident[] = [];
  const server = createProtocolServer({
    world,
    dcId: DC_ID,
    host: "127.0.0.1",
    port: 0,
    rsaKey: sharedKey,
    onIncident: (incident) => {
      incidents.push(incident);
    },
    ...options,
  });
  Object.assign(address, await server.listen());
  return {
    ...address,
    dcId: DC_ID,
    rsaPublicKeyPem: server.rsaPublicKeyPem,
    world,
    server,
    incidents,
    close: () => server.close(),
  };
}
