import { resolve } from "node:path";
import type { Machine } from "./machine.ts";
import type { Environment, Reader } from "./reader.ts";
import type { Profile } from "./timings.ts";
import { readWhole } from "./values.ts";

/** How the processes of bots run. */
export interface BotsConfig {
  /** For each bot. */
  readonly processes: number;
  /** One that has turns and gives no sign of life for so long is ended. */
  readonly hangMs: number;
  /** Of each process. */
  readonly memoryMb: number;
  /** All that a bot finds in its environment. Never printed. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute: what a bot may read beside its own folder. */
  readonly folders: readonly string[];
}

const hangMsByProfile: Readonly<Record<Profile, number>> = {
  development: 2_000,
  production: 5_000,
};
const namesName = "HOLDFAST_BOT_ENV";
/** What belongs to every program, and tells nothing. */
const always = ["TZ", "LANG"] as const;

export function readBots(
  from: Reader,
  env: Environment,
  { cwd }: Pick<Machine, "cwd">,
  profile: Profile,
): BotsConfig {
  const { read, text } = from;
  const whole = (name: string, min: number, max: number): number | null =>
    read(name, (given) => readWhole(given, { min, max }));
  const folders = text("HOLDFAST_BOT_FOLDERS")?.split(",") ?? [];
  const bots: BotsConfig = {
    processes: whole("HOLDFAST_BOT_PROCESSES", 1, 64) ?? 2,
    hangMs: whole("HOLDFAST_BOT_HANG_MS", 200, 600_000) ?? hangMsByProfile[profile],
    memoryMb: whole("HOLDFAST_BOT_MEMORY_MB", 32, 65_536) ?? 256,
    env: Object.freeze(readEnvironment(from, env)),
    folders: Object.freeze(folders.map((folder) => resolve(cwd, folder.trim()))),
  };
  Object.defineProperty(bots, "env", { enumerable: false });
  return Object.freeze(bots);
}

function readEnvironment({ faults, text }: Reader, env: Environment): Record<string, string> {
  const names = (text(namesName) ?? "").split(",").map((name) => name.trim());
  const named = names.filter((name) => name !== "");
  const wrong = named.find((name) => !/^[A-Za-z_]\w*$/.test(name) || name.startsWith("HOLDFAST_"));
  if (wrong !== undefined)
    faults.push({
      variable: namesName,
      problem: `names ${wrong.slice(0, 60)}, which is no variable that a bot may have.`,
      remedy: "Give names such as SHOP_URL,SHOP_KEY; none that begins with HOLDFAST_.",
    });
  const given: Record<string, string> = {};
  for (const name of [...always, ...named]) {
    const value = env[name];
    if (value !== undefined) given[name] = value;
  }
  return given;
}
