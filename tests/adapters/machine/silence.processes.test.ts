import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostIdentity } from "../../../src/adapters/machine/host-identity.ts";
import {
  isRunning,
  ownIdentity,
  type ProcessIdentity,
  startTimeOf,
} from "../../../src/adapters/machine/process-identity.ts";
import { proveSilence } from "../../../src/adapters/machine/silence.ts";

const lock = { name: "holdfast-gate-test", holdsName: true };

/** Proofs are of Linux, where the kernel shows its sockets. */
describe.runIf(process.platform === "linux")("the proof that a dead gate is silent", () => {
  const children: ChildProcess[] = [];
  let server: Server;
  let port: number;
  let accepted: Promise<Socket>;
  const own = hostIdentity(lock, ownIdentity());
  /** As a container's gate records it: nothing of its processes can be seen from here. */
  const inContainer = { pidNamespace: "pid:[1]", node: null };

  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true });
    accepted = once(server, "connection").then(([socket]) => socket as Socket);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as { port: number }).port;
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    server.close();
  });

  function start(): ProcessIdentity & { readonly child: ChildProcess } {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    children.push(child);
    return { pid: child.pid!, startTime: startTimeOf(child.pid!)!, child };
  }

  async function dead(): Promise<ProcessIdentity> {
    const { pid, startTime, child } = start();
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    return { pid, startTime };
  }

  const prove = async (
    recorded: object,
    connections: readonly { local: number; remote: number }[] | null = [],
    asker = own,
  ) =>
    proveSilence({
      own: asker,
      recorded: { ...hostIdentity(lock, await dead()), node: await dead(), ...recorded },
      connections: () => connections,
      withinMs: 300,
    });

  it("holds when the gate and its node are gone and no socket is left", async () => {
    expect(await prove({})).toBe(true);
  });

  it("ends an orphaned node first", async () => {
    const { pid, startTime } = start();
    expect(await prove({ node: { pid, startTime } })).toBe(true);
    expect(isRunning({ pid, startTime })).toBe(false);
  });

  it("does not hold while the gate runs", async () => {
    const { pid, startTime } = start();
    expect(await prove({ pid, startTime })).toBe(false);
  });

  it.each([
    ["another start of the machine", { bootId: "other" }],
    ["another network namespace", { networkNamespace: "net:[1]" }],
    [
      "another process namespace, and the name was not its own",
      { ...inContainer, holdsName: false },
    ],
    [
      "another process namespace, and nothing says whose the name was",
      { ...inContainer, holdsName: undefined },
    ],
    ["another network namespace as well", { ...inContainer, networkNamespace: "net:[1]" }],
    ["another host lock", { lock: "other" }],
    ["no node was recorded", { node: null }],
    ["nothing was recorded", { startTime: null }],
  ])("does not hold: %s", async (_what, recorded) => {
    expect(await prove(recorded)).toBe(false);
  });

  it("holds for a gate of another process namespace when its name is the asker's now", async () => {
    expect(await prove(inContainer)).toBe(true);
  });

  it("does not hold for one of another process namespace when the asker has no name", async () => {
    const nameless = hostIdentity({ ...lock, holdsName: false }, ownIdentity());
    expect(await prove(inContainer, [], nameless)).toBe(false);
  });

  it("does not hold without the journal", async () => {
    expect(await prove({}, null)).toBe(false);
  });

  it("does not hold while the kernel has a socket of the journal, and does once it is gone", async () => {
    const socket = connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    const peer = await accepted;
    const connections = [{ local: socket.localPort!, remote: port }];
    expect(await prove({}, connections)).toBe(false);
    // The peer does not read the queued bytes: an orphan that the kernel goes on delivering from.
    socket.write(Buffer.alloc(8 * 1024 * 1024));
    socket.destroy();
    expect(await prove({}, connections)).toBe(false);
    expect(await prove(inContainer, connections)).toBe(false);
    peer.resetAndDestroy();
    expect(await prove({}, connections)).toBe(true);
  });
});
