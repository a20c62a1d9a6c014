import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { readConfig } from "../../src/config/config.ts";
import { writeClusterKeys } from "../../src/embedded/nats-cluster-keys.ts";
import { variables } from "../../src/config/variables.ts";

interface Service {
  readonly command?: readonly string[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly secrets?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly build?: { readonly dockerfile: string };
  readonly image?: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly privileged?: boolean;
  readonly security_opt?: readonly string[];
  readonly networks?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const text = (name: string) => readFileSync(path(name), "utf8");
const compose: Compose = parse(text("docker-compose.yml"), { merge: true });
const services = Object.entries(compose.services);
/** By `npx holdfast nats-keys nats-keys`. */
const madeByCommand = "./nats-keys/server";
const natsNames = ["nats-1", "nats-2", "nats-3"];

/** As compose would fill them in. */
function filledIn(environment: Readonly<Record<string, string>>): Record<string, string> {
  const values: Record<string, string> = {
    POSTGRES_PASSWORD: "word",
    POSTGRES_HOST_PASSWORD: "other-word",
    HOLDFAST_OPERATORS: `U${"A".repeat(55)}`,
    HOLDFAST_TELEGRAM_API_ID: "1",
    HOLDFAST_TELEGRAM_API_HASH: "0".repeat(32),
  };
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_all, variable: string) => values[variable] ?? ""),
    ]),
  );
}

describe("the compose file", () => {
  it("runs three NATS servers, PostgreSQL, two hosts, Prometheus and Grafana", () => {
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining([
        ...natsNames,
        "postgres",
        "host-a",
        "host-b",
        "prometheus",
        "grafana",
      ]),
    );
  });

  const machine = { hostname: "c", cwd: "/app", readFile: () => "ab".repeat(32) };

  it.each(["migrate", "host-a", "host-b"])("gives %s a configuration without a fault", (name) => {
    const environment = compose.services[name]?.environment ?? {};
    expect(readConfig(filledIn(environment), machine)).toMatchObject({
      profile: "production",
      home: "/var/lib/holdfast",
      ...(name === "migrate" ? {} : { http: { host: "0.0.0.0", port: 9464, names: [] } }),
    });
    const known = variables.map((variable) => variable.name);
    expect(known).toEqual(expect.arrayContaining(Object.keys(environment)));
  });

  it("lets the owner alone migrate, without the master key, and hosts run as another role", () => {
    const userOf = (name: string): string => {
      const environment = filledIn(compose.services[name]?.environment ?? {});
      return new URL(readConfig(environment, machine).databaseUrl ?? "").username;
    };
    expect(["migrate", "host-a", "host-b"].map(userOf)).toEqual([
      "holdfast",
      "holdfast_host",
      "holdfast_host",
    ]);
    const { secrets, environment = {} } = compose.services["migrate"] ?? {};
    expect([secrets, Object.keys(environment).filter((key) => key.includes("MASTER"))]).toEqual([
      [],
      [],
    ]);
  });

  it("gives each host its own name and its own files", () => {
    const hosts = ["host-a", "host-b"].map((name) => compose.services[name]);
    expect(new Set(hosts.map((host) => host?.environment?.["HOLDFAST_HOST"])).size).toBe(2);
    expect(new Set(hosts.map((host) => host?.volumes?.join())).size).toBe(2);
  });

  it("mounts only files that are here and volumes that it declares", () => {
    const mounts = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((line) => line.split(":")[0] ?? ""),
    );
    const missing = mounts.filter((source) =>
      source.startsWith("./")
        ? source !== madeByCommand && !existsSync(path(source))
        : !(source in compose.volumes),
    );
    expect(missing).toEqual([]);
  });

  it("publishes ports on loopback only, each once", () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.every((port) => port.startsWith("127.0.0.1:"))).toBe(true);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it("waits only for services that exist", () => {
    const awaited = services.flatMap(([, { depends_on: needs = [] }]) =>
      Array.isArray(needs) ? needs : Object.keys(needs),
    );
    expect(awaited.filter((name) => !(name in compose.services))).toEqual([]);
  });

  it("clusters the NATS servers by their names and writes through to disk", async () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-keys-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await writeClusterKeys(folder, natsNames);
    const cluster = readFileSync(join(folder, "server", "cluster.conf"), "utf8");
    expect(natsNames.filter((name) => !cluster.includes(`@${name}:6222`))).toEqual([]);
    const conf = text("docker/nats.conf");
    expect(conf).toMatch(/^\s*sync_interval: always$/m);
    for (const name of natsNames) expect(compose.services[name]?.command).toContain(name);
  });

  it("gives each NATS server the lock and no key that makes users, and shows its monitor to none", () => {
    const conf = text("docker/nats.conf");
    expect(conf).toMatch(/^include "keys\/accounts\.conf"$/m);
    expect(conf).toMatch(/^include "keys\/cluster\.conf"$/m);
    expect(conf).toMatch(/^http: "127\.0\.0\.1:8222"$/m);
    for (const name of natsNames) {
      const { volumes = [], ports = [] } = compose.services[name] ?? {};
      expect(volumes).toContain(`${madeByCommand}:/etc/nats/keys:ro`);
      expect(ports.filter((port) => !port.endsWith(":4222"))).toEqual([]);
    }
  });

  it("lets Prometheus scrape both hosts", () => {
    const targets = JSON.stringify(parse(text("docker/prometheus.yml")));
    expect(targets).toContain('"host-a:9464","host-b:9464"');
  });

  it("builds an image of files that are here", () => {
    const dockerfile = text("docker/Dockerfile");
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, names]) => names?.split(" ") ?? [],
    );
    expect(copied.filter((name) => !existsSync(path(name)))).toEqual([]);
    expect(copied.length).toBeGreaterThan(5);
    const commands = [
      ...services.map(([, { command = [] }]) => command),
      JSON.parse(/^CMD (.+)$/m.exec(dockerfile)![1]!) as readonly string[],
    ];
    const programs = commands.flat().filter((word) => word.endsWith(".js"));
    expect(programs).toHaveLength(2);
    for (const program of programs) {
      const source = program.replace(/^dist\//, "").replace(/\.js$/, ".ts");
      expect(existsSync(path(source))).toBe(true);
    }
  });

  it.each(services)("runs %s without rights that it does not need", (name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    });
    expect(service.cap_add ?? service.privileged).toBeUndefined();
    // The image of Holdfast itself says so in its Dockerfile.
    expect(service.user ?? (service.image === "holdfast" ? "node" : "root"), name).toMatch(
      /^(?!0|root)\w+/,
    );
  });

  /** A YAML parser makes a mapping of an unquoted scalar with a colon and a blank in it. */
  it("writes every word of every command and health check as text", () => {
    const words = services.flatMap(([, { command = [], healthcheck }]) => [
      ...command,
      ...(healthcheck?.test ?? []),
    ]);
    expect(words.filter((word) => typeof word !== "string")).toEqual([]);
    const checked = services.filter(([, { healthcheck }]) => healthcheck?.test !== undefined);
    expect(checked.map(([name]) => name)).toEqual([...natsNames, "postgres", "host-a", "host-b"]);
  });

  it("asks a host whether it is ready by a program that parses", () => {
    const [, node, flag, program = ""] = compose.services["host-a"]?.healthcheck?.test ?? [];
    expect([node, flag]).toEqual(["node", "-e"]);
    expect(() => new Script(program)).not.toThrow();
    expect(program).toContain("/readyz");
  });

  it("runs its own image as no root", () => {
    expect(text("docker/Dockerfile")).toMatch(/^USER node$/m);
  });

  it.each(services)("names the image of %s by an exact version or by digest", (_name, service) => {
    if (service.build === undefined)
      // oxlint-disable-next-line vitest/no-conditional-expect -- our own image is built here
      expect(service.image).toMatch(/:v?\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$/);
    for (const [, from] of text("docker/Dockerfile").matchAll(/^FROM (\S+)/gm))
      expect(from).toMatch(/^node:\d+\.\d+\.\d+-/);
    expect(text("docker/nats.Dockerfile")).toMatch(/^FROM nats:\d+\.\d+\.\d+-/m);
  });

  it("keeps what watches away from the database and from NATS", () => {
    const inNetwork = (network: string) =>
      services.filter(([, { networks }]) => networks?.includes(network)).map(([name]) => name);
    expect(Object.keys(compose.networks)).toEqual(["data", "observability"]);
    const watching = inNetwork("observability");
    expect(watching).toEqual(["host-a", "host-b", "prometheus", "grafana"]);
    expect(inNetwork("data")).toEqual([...natsNames, "postgres", "migrate", "host-a", "host-b"]);
  });

  it("gives the master key to the hosts alone, and Grafana a password that is no default", () => {
    const withKey = services.filter(([, { secrets }]) => secrets?.includes("master_key"));
    expect(withKey.map(([name]) => name)).toEqual(["host-a", "host-b"]);
    const { secrets, environment } = compose.services["grafana"]!;
    expect(secrets).toEqual(["grafana_password"]);
    expect(environment).toMatchObject({
      GF_SECURITY_ADMIN_PASSWORD__FILE: "/run/secrets/grafana_password",
      GF_AUTH_ANONYMOUS_ENABLED: "false",
    });
    expect(text("docker-compose.yml")).toMatch(/^# +\(umask 077; openssl rand/m);
  });

  it("shows only metrics that the node has", () => {
    const shown = new Set(text("docker/grafana/dashboards/holdfast.json").match(/holdfast_\w+/g));
    const metrics = ["metrics.ts", "conversation-metrics.ts"]
      .map((file) => text(`src/adapters/metrics/${file}`))
      .join("\n");
    const missing = [...shown].filter((name) => !metrics.includes(name.replace(/_bucket$/, "")));
    expect(missing).toEqual([]);
  });
});
