import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "pg";
import { HoldfastError } from "../errors.ts";
import { readerRole, runtimeRole } from "../adapters/postgres/roles.ts";
import { removeStaleLocks } from "./postgres-locks.ts";
import { childEnvironment } from "./child-environments.ts";
import { findPostgres, type PostgresBinaries } from "./postgres-binaries.ts";
import { socketPathBytesMax } from "../adapters/machine/socket-path.ts";
import type { Log } from "./process-records.ts";
import { launch, type Managed } from "./processes.ts";
import {
  canReach,
  ownName,
  requireNamedUser,
  type ServiceUser,
  serviceUser,
} from "./service-user.ts";
import { freeSharedMemory, type SharedMemory, sharedMemoryFor } from "./shared-memory.ts";

export interface EmbeddedPostgres {
  /**
   * A connection string for `pg` and for `psql`, as the owner. The socket is private, so there is no password.
   */
  readonly url: string;
  /** The same as the runtime role: every row, nothing of the schema. */
  readonly runtimeUrl: string;
  readonly pid: number;
  readonly process: Managed;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  readonly home: string;
  readonly log: Log;
  /** Server settings on top of the defaults; a test run may give up durability for speed. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lets the kernel end the server with this process, where it can (Linux). Default false. */
  readonly endsWithParent?: boolean;
}

const superuser = "holdfast";
const database = "holdfast";
const port = 5432;
const readyMsMax = 30_000;

const defaults: Readonly<Record<string, string>> = {
  listen_addresses: "",
  fsync: "on",
  synchronous_commit: "on",
  logging_collector: "off",
  log_destination: "stderr",
};

/** The server's data folder, and the server user's name for it. */
interface DataFolder {
  readonly path: string;
  /** The server gets this path: as a service user it may be unable to walk to `path`. */
  readonly asSeenByServer: string;
  readonly stdio: ("ignore" | "pipe" | number)[];
  close(): void;
}

/**
 * As root, the server runs as another user, who may not walk to a checkout under /root. On Linux
 * that user receives the folder as an open descriptor, which needs no walk.
 */
function openDataFolder(home: string, user: ServiceUser | null): DataFolder {
  const path = resolve(home, "postgres");
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  const plain = { path, asSeenByServer: path, close: () => {} };
  if (user === null) return { ...plain, stdio: ["ignore", "pipe", "pipe"] };
  chownSync(path, user.uid, user.gid);
  if (canReach(path, user)) return { ...plain, stdio: ["ignore", "pipe", "pipe"] };
  if (process.platform !== "linux")
    throw new HoldfastError({
      code: "HOME_UNREACHABLE",
      message: `PostgreSQL runs as ${user.name}, who cannot reach ${path}.`,
      next: "Start as an ordinary user, or name a folder in HOLDFAST_HOME that every user can reach.",
    });
  const descriptor = openSync(path, "r");
  return {
    path,
    asSeenByServer: "/proc/self/fd/3",
    stdio: ["ignore", "pipe", "pipe", descriptor],
    close: () => closeSync(descriptor),
  };
}

function initialise(
  { bin, major }: PostgresBinaries,
  folder: DataFolder,
  user: ServiceUser | null,
  memory: SharedMemory,
): void {
  const shared = memory.forInitdb(major);
  const args = ["-D", folder.asSeenByServer, "-U", superuser, "-E", "UTF8", "--locale=C"];
  const auth = ["--auth-local=trust", "--auth-host=reject"];
  const rest = [...auth, ...shared, "--no-instructions"];
  const answer = spawnSync(join(bin, "initdb"), [...args, ...rest], {
    cwd: "/",
    stdio: folder.stdio,
    env: childEnvironment("postgres", process.env),
    encoding: "utf8",
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  });
  if (answer.status === 0) return;
  rmSync(folder.path, { recursive: true, force: true });
  throw new HoldfastError({
    code: "POSTGRES_INIT_FAILED",
    message: `PostgreSQL could not lay out its data in ${folder.path}: ${lastWords(answer.stderr ?? "")}.`,
    next: "Mend what it says, such as a full disk or a missing right, or name another folder in HOLDFAST_HOME.",
    cause: answer.error,
  });
}

/**
 * Who may come in, written at every start. Trust is sound here: only the server's own user and root can reach the
 * socket in a 0700 folder. There is no way in by the network, nor for a replica.
 */
function writeDoor(folder: DataFolder, user: ServiceUser | null): void {
  const file = join(folder.path, "pg_hba.conf");
  writeFileSync(file, "# Written at every start; changes are lost.\nlocal all all trust\n", {
    mode: 0o600,
  });
  if (user !== null) chownSync(file, user.uid, user.gid);
}

const lastWords = (text: string): string => text.trim().split("\n").slice(-3).join(" / ");

function majorOfData(path: string): number | null {
  const file = join(path, "PG_VERSION");
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : null;
}

/** Beside the data, unless that path is too long for a socket's name. */
function socketFolder(folder: DataFolder, user: ServiceUser | null) {
  const socket = join(folder.path, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(socket) <= socketPathBytesMax)
    return { forServer: ".", forClients: folder.path, dirs: [] };
  const short = mkdtempSync(join(tmpdir(), "holdfast-socket-"));
  if (user !== null) chownSync(short, user.uid, user.gid);
  return { forServer: short, forClients: short, dirs: [short] };
}

/** What the shell of a start may say of another server: PGSSLMODE and PGOPTIONS. What the address says goes first. */
const ofThisServer = new URLSearchParams({ sslmode: "disable", options: "-c jit=off" })
  .toString()
  .replaceAll("+", "%20");

const urlFor = (socketDirectory: string, name: string, role = superuser): string =>
  `postgres://${role}@localhost:${port}/${name}?host=${encodeURIComponent(socketDirectory)}&${ofThisServer}`;

const asRole = (url: string, role: string): string => {
  const changed = new URL(url);
  changed.username = role;
  return changed.href;
};

/** The address of an embedded database as its owner, who may change the schema. */
export const ownerUrlOf = (url: string): string => asRole(url, superuser);
/** The same as a role that only reads. */
export const readerUrlOf = (url: string): string => asRole(url, readerRole);

/** The database, and logins for the roles that hosts and readers have. */
async function createDatabase(socketDirectory: string): Promise<void> {
  const client = new Client({ connectionString: urlFor(socketDirectory, "postgres") });
  await client.connect();
  try {
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [
      database,
    ]);
    if (rowCount === 0) await client.query(`create database ${database}`);
    for (const role of [runtimeRole, readerRole]) {
      const { rowCount: there } = await client.query("select 1 from pg_roles where rolname = $1", [
        role,
      ]);
      await client.query(`${there === 0 ? "create" : "alter"} role ${role} login`);
    }
  } finally {
    await client.end();
  }
}

/**
 * Starts a PostgreSQL server with its data in `home`, and creates the database `holdfast`. Nothing
 * listens on the network. It ends by `stop()`, at the latest by the next start in the same home.
 * Errors: POSTGRES_NOT_FOUND, POSTGRES_INIT_FAILED, POSTGRES_NOT_READY, HOME_UNREACHABLE,
 * NO_SERVICE_USER, USER_NAMELESS, SHARED_MEMORY_SMALL.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { home, log } = options;
  const user = serviceUser();
  if (user === null) requireNamedUser(process.getuid?.() ?? null, ownName);
  const memory = sharedMemoryFor(freeSharedMemory());
  const folder = openDataFolder(home, user);
  try {
    const major = majorOfData(folder.path);
    const found = findPostgres({ major, user, path: process.env["PATH"] ?? "" });
    if (major === null) {
      log(`laying out a PostgreSQL ${found.major} database in ${folder.path}`);
      initialise(found, folder, user, memory);
    } else removeStaleLocks(folder.path, port);
    writeDoor(folder, user);
    const socket = socketFolder(folder, user);
    const settings = { ...defaults, ...options.settings };
    const managed = await launch({
      home,
      name: "postgres",
      command: join(found.bin, "postgres"),
      args: [
        "-D",
        folder.asSeenByServer,
        "-k",
        socket.forServer,
        "-p",
        String(port),
        ...memory.forServer,
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      env: childEnvironment("postgres", process.env, { TZ: "UTC" }),
      cwd: "/",
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
      stdio: folder.stdio,
      // A fast shutdown; SIGTERM would wait for every client to leave.
      stopSignal: "SIGINT",
      dirs: [...socket.dirs, ...found.dirs],
      endsWithParent: options.endsWithParent ?? false,
    });
    await untilReady(managed, socket.forClients);
    const stop = async () => void (await managed.stop());
    return {
      url: urlFor(socket.forClients, database),
      runtimeUrl: urlFor(socket.forClients, database, runtimeRole),
      pid: managed.pid,
      process: managed,
      stop,
    };
  } finally {
    folder.close();
  }
}

async function untilReady(managed: Managed, socketDirectory: string): Promise<void> {
  try {
    const ready = await managed.line(/database system is ready to accept connections/, readyMsMax);
    if (ready === null) throw new Error(lastWords(managed.lastLines().join("\n")));
    await createDatabase(socketDirectory);
  } catch (cause) {
    await managed.stop();
    throw new HoldfastError({
      code: "POSTGRES_NOT_READY",
      message: `PostgreSQL did not become ready: ${cause instanceof Error ? cause.message : String(cause)}.`,
      next: "Read logs/postgres.log in the home; the data stay as they are.",
      cause,
    });
  }
}
