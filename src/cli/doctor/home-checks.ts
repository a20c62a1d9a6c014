import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import { isProcessIdentity, isRunning } from "../../adapters/machine/process-identity.ts";
import { refuseCopiedHome } from "../../embedded/home-fleet.ts";
import { type Check, fault, ok, unlessRefused } from "./check.ts";

const roomMin = 1024 ** 3;
const logsMax = 1024 ** 3;
const mebibyte = 1024 ** 2;
const inMebibytes = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`;

const homeless = (home: string) => ok(`${home} is not there yet`);

/** Paths of a home that its owner alone may reach, with the mode of each. */
function privatePaths(home: string): readonly { readonly path: string; readonly mode: number }[] {
  const files = [
    "master.key",
    "console-token",
    "run.json",
    "fleet.json",
    "sealing-keys.json",
    "nats/keys.json",
    "nats/revoked.json",
    "nats/nats.conf",
  ];
  const creds = namesIn(join(home, "nats")).filter((name) => name.endsWith(".creds"));
  const old = namesIn(home).filter((name) => /^master\.key\..+\.old$/.test(name));
  return [
    { path: home, mode: 0o700 },
    ...["run", "nats", "journal"].map((name) => ({ path: join(home, name), mode: 0o700 })),
    ...[...files, ...creds.map((name) => `nats/${name}`), ...old].map((name) => ({
      path: join(home, name),
      mode: 0o600,
    })),
  ];
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The home and its secrets are closed to other users of the machine. */
export const modes = (home: string): Check => ({
  name: "modes",
  async look() {
    if (!existsSync(home)) return homeless(home);
    // A link is left alone: what it leads to may be another program's.
    const open = privatePaths(home).filter(({ path }) => {
      const found = lstatSync(path, { throwIfNoEntry: false });
      return found !== undefined && !found.isSymbolicLink() && (found.mode & 0o077) !== 0;
    });
    if (open.length === 0) return ok("the home and its secrets are closed to other users");
    const commands = open.map(({ path, mode }) => `chmod ${mode.toString(8)} ${path}`);
    return fault(
      `open to other users: ${open.map(({ path }) => path).join(", ")}`,
      "what others may have read is no secret any more",
      commands.join(" && "),
      {
        what: commands.join("; "),
        async mend() {
          for (const { path, mode } of open) chmodSync(path, mode);
        },
      },
    );
  },
});

/** Bytes that a folder's disk has left. */
export const freeBytesOf = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

export const disk = (home: string, freeBytes: (folder: string) => number): Check => ({
  name: "disk",
  async look() {
    if (!existsSync(home)) return homeless(home);
    const free = freeBytes(home);
    if (free >= roomMin) return ok(`${inMebibytes(free)} are free`);
    return fault(
      `only ${inMebibytes(free)} are free on the disk of ${home}`,
      "a full disk stops database and streams",
      `du -sh ${join(home, "*")}`,
    );
  },
});

function sizeOf(folder: string): number {
  return namesIn(folder).reduce((sum, name) => {
    const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
    return sum + (found?.isFile() === true ? found.size : 0);
  }, 0);
}

export const logs = (home: string): Check => ({
  name: "logs",
  async look() {
    const folder = join(home, "logs");
    const bytes = sizeOf(folder);
    if (bytes <= logsMax) return ok(`${inMebibytes(bytes)} of logs`);
    return fault(
      `${folder} has ${inMebibytes(bytes)}`,
      "logs of that size fill the disk",
      `ls -lS ${folder}, then remove what is not needed`,
    );
  },
});

/** A home that holds its own database stands where it was used last. */
export const place = (home: string): Check => ({
  name: "place",
  look: () =>
    unlessRefused(() => {
      if (!existsSync(join(home, "postgres"))) return "the home holds no database";
      refuseCopiedHome(home);
      return "the home is no copy of another";
    }),
});

/** The launcher's lock, or the record of a process, names a process that is gone. */
function isLeft(file: string): boolean {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isProcessIdentity(value) && !isRunning(value);
  } catch {
    return false;
  }
}

function anyRuns(runFile: string): boolean {
  try {
    const { pids } = JSON.parse(readFileSync(runFile, "utf8")) as { pids?: unknown };
    return Object.values(pids ?? {}).some((pid) => {
      try {
        return typeof pid === "number" && process.kill(pid, 0);
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM";
      }
    });
  } catch {
    // A damaged file names no process.
    return false;
  }
}

/** `run.json` and the records of processes speak of what runs. */
export const runFiles = (home: string): Check => ({
  name: "run-files",
  async look() {
    const folder = join(home, "run");
    const left = namesIn(folder)
      .filter((name) => name === "holdfast.lock" || name.endsWith(".process.json"))
      .map((name) => join(folder, name))
      .filter(isLeft);
    const runFile = join(home, "run.json");
    const lock = join(folder, "holdfast.lock");
    const isStale = existsSync(runFile) && (!existsSync(lock) || isLeft(lock)) && !anyRuns(runFile);
    const stale = [...(isStale ? [runFile] : []), ...left];
    if (stale.length === 0) return ok("nothing is left of an earlier run");
    return fault(
      `left by processes that are gone: ${stale.join(", ")}`,
      "commands look for what they name",
      "npx holdfast start",
      {
        what: `remove ${stale.join(", ")}`,
        async mend() {
          for (const file of stale) if (file === runFile || isLeft(file)) rmSync(file);
        },
      },
    );
  },
});
