import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, relative } from "node:path";
import { findNats } from "../../embedded/nats-binary.ts";
import { launch, type Managed } from "../../embedded/processes.ts";

/** Three servers that keep copies of each other's streams. */
export interface NatsCluster {
  /** The addresses of all three, separated by commas. */
  readonly url: string;
  /** Sends SIGKILL to one server, by its name in the cluster. */
  kill(name: string): void;
  stop(): Promise<void>;
}

const readyMsMax = 30_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @param accounts the file by which the servers know their users. */
export async function startNatsCluster(home: string, accounts: string): Promise<NatsCluster> {
  const binary = await findNats({ home, env: process.env, log: () => {} });
  const names = ["n1", "n2", "n3"];
  const routes = await Promise.all(names.map(freePort));
  const servers = new Map<string, { readonly managed: Managed; readonly port: number }>();
  const begun = await Promise.all(
    names.map(async (name, index) => {
      const folder = join(home, name);
      mkdirSync(folder, { recursive: true });
      const file = join(folder, "nats.conf");
      const others = routes.map((port) => `nats://127.0.0.1:${port}`).join(", ");
      writeFileSync(
        file,
        `host: "127.0.0.1"
port: -1
server_name: ${name}
include ${JSON.stringify(relative(folder, accounts))}
jetstream { store_dir: ${JSON.stringify(folder)}, max_memory_store: 64MB, max_file_store: 1GB }
cluster { name: chaos, listen: "127.0.0.1:${routes[index]}", routes: [${others}] }
`,
      );
      const managed = await launch({
        home: folder,
        name: "nats",
        command: binary.file,
        args: ["--config", file],
        env: { PATH: process.env["PATH"] },
        cwd: folder,
        endsWithParent: true,
      });
      return { name, managed };
    }),
  );
  for (const { name, managed } of begun) {
    const listening = await managed.line(
      /Listening for client connections on .*:(\d+)/,
      readyMsMax,
    );
    servers.set(name, { managed, port: Number(listening?.[1]) });
  }
  return {
    url: [...servers.values()].map(({ port }) => `nats://127.0.0.1:${port}`).join(","),
    kill(name) {
      process.kill(servers.get(name)!.managed.pid, "SIGKILL");
    },
    async stop() {
      await Promise.all([...servers.values()].map(({ managed }) => managed.stop()));
    },
  };
}
