import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMtcuteDriver } from "../../adapters/telegram/mtcute/driver.ts";
import { control } from "../../embedded/control-api.ts";
import { connectGate } from "../../gate/gate-client.ts";
import { alreadyOpen, type Dialled, type Endpoint } from "../../ports/custody/gate.ts";
import { defaultDevice, silentEvents, type TelegramClient } from "../../ports/telegram/telegram.ts";
import { type Figure, figure } from "./figures.ts";

const sequentialCalls = 400;
const pipelinedCalls = 4000;
const inFlight = 50;
const rounds = 5;

interface DataCentreInfo {
  readonly host: string;
  readonly port: number;
  readonly dcId: number;
  readonly rsaPublicKeyPem: string;
}

/**
 * Calls per second through the gate, against calls per second on a direct connection; both in
 * turns.
 */
export async function measureGateThroughput(): Promise<readonly Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const program = fileURLToPath(new URL("../../../bin/telegram-dc.js", import.meta.url));
  const dcProcess = spawn(process.execPath, [program, "--control", "0", "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gateProcess = fork(fileURLToPath(new URL("./bench-gate.ts", import.meta.url)), [], {
    execArgv: [],
  });
  try {
    const [chunk] = (await once(dcProcess.stdout, "data")) as [Buffer];
    const told = JSON.parse(String(chunk)) as { readonly control: string; controlToken: string };
    const access = { url: told.control, token: told.controlToken };
    const info = await control<DataCentreInfo>(access, "GET", "/");
    const path = join(folder, "gate.sock");
    gateProcess.send(path);
    await once(gateProcess, "message");
    const gate = await connectGate({
      path,
      secret: "bench",
      incarnation: "bench",
      host: "bench",
      onLost: () => {},
    });
    const grant = { account: "bench", slot: 1, epoch: 1 };
    const through = await openClient(info, (to) => gate.dial({ ...grant, keyId: null }, to));
    const direct = await openClient(info, dialDirectly);
    const best = { direct: [0, 0], through: [0, 0] } as Record<string, [number, number]>;
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, client] of [
        ["direct", direct],
        ["through", through],
      ] as const) {
        const found = best[name]!;
        found[0] = Math.max(found[0], await callsPerSecond(client, sequentialCalls, 1));
        found[1] = Math.max(found[1], await callsPerSecond(client, pipelinedCalls, inFlight));
      }
    }
    await Promise.all([through.close(), direct.close()]);
    gate.close();
    return [
      figure("gate-rpc-throughput-ratio", best["through"]![1], "calls/s", best["direct"]![1]),
      figure("gate-rpc-sequential-ratio", best["through"]![0], "calls/s", best["direct"]![0]),
    ];
  } finally {
    gateProcess.kill("SIGKILL");
    dcProcess.kill("SIGTERM");
    await rm(folder, { recursive: true, force: true });
  }
}

async function dialDirectly({ host, port }: Endpoint): Promise<Dialled> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, "connect");
  return alreadyOpen(socket);
}

async function openClient(
  { dcId, host, port, rsaPublicKeyPem }: DataCentreInfo,
  dial: (to: Endpoint) => Promise<Dialled>,
): Promise<TelegramClient> {
  const driver = createMtcuteDriver({
    apiId: 1,
    apiHash: "0".repeat(32),
    dataCentre: { id: dcId, host, port, publicKeyPem: rsaPublicKeyPem },
  });
  const client = driver.open({
    session: null,
    device: defaultDevice,
    dial,
    events: { ...silentEvents, onSession: async () => {} },
  });
  await client.connect();
  return client;
}

async function callsPerSecond(client: TelegramClient, calls: number, atOnce: number) {
  const fromMs = performance.now();
  let left = calls;
  const worker = async () => {
    for (; left > 0; left -= 1) await client.invoke("help.getConfig", {});
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (calls * 1000) / (performance.now() - fromMs);
}
