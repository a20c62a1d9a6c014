import type { Config } from "../config/config.ts";
import { HoldfastError } from "../errors.ts";
import { type EmbeddedNats, startNats } from "./nats.ts";
import { startPostgres } from "./postgres.ts";
import type { Log } from "./process-records.ts";
import type { Managed } from "./processes.ts";
import { type EmbeddedTelegramDc, startTelegramDcProcess } from "./telegram-dc.ts";

/** The servers that gate and node need: embedded where the configuration names none. */
export interface Parts {
  /** As the role of hosts. */
  readonly databaseUrl: string;
  /** As the role that may change the schema, where this launcher knows one. */
  readonly ownerUrl: string;
  readonly natsUrl: string;
  /** Null with NATS outside this launcher. */
  readonly nats: Pick<EmbeddedNats, "credsFile" | "operatorKey"> | null;
  /** Null with Telegram itself, or with a data centre outside this launcher. */
  readonly telegramDc: EmbeddedTelegramDc | null;
  /** Process numbers of the embedded parts, by name. */
  readonly pids: Readonly<Record<string, number>>;
  /** Resolves when an embedded part ended without `stop`. */
  readonly died: Promise<HoldfastError>;
  stop(): Promise<void>;
}

interface Part {
  readonly process: Managed;
  stop(): Promise<void>;
}

function diedUnexpectedly({ name, exited }: Managed): Promise<HoldfastError> {
  return exited.then(
    ({ code, signal }) =>
      new HoldfastError({
        code: "PART_DIED",
        message: `${name} ended unexpectedly (${signal ?? `exit ${code}`}).`,
        next: `Read logs/${name}.log in the home, then start again; the data stay as they are.`,
      }),
  );
}

/** Starts all at once. When one fails, stops the others and throws its error. */
export async function startParts(
  config: Config,
  { env, log }: { readonly env: NodeJS.ProcessEnv; readonly log: Log },
): Promise<Parts> {
  const { home } = config;
  const withTelegram = config.telegram === null && config.telegramDc === null;
  // nats-server and the data centre first: laying out a database keeps this process busy.
  const starts = [
    config.natsUrl === null ? startNats({ home, env, log }) : Promise.resolve(null),
    withTelegram ? startTelegramDcProcess({ home, env, log }) : Promise.resolve(null),
    config.databaseUrl === null ? startPostgres({ home, log }) : Promise.resolve(null),
  ] as const;
  const settled = await Promise.allSettled(starts);
  const running: Part[] = [];
  for (const part of settled)
    if (part.status === "fulfilled" && part.value !== null) running.push(part.value);
  const stop = async () => void (await Promise.all(running.map((part) => part.stop())));
  const failure = settled.find((part) => part.status === "rejected");
  if (failure !== undefined) {
    await stop();
    throw failure.reason;
  }
  const [nats, telegramDc, postgres] = await Promise.all(starts);
  return {
    databaseUrl: postgres?.runtimeUrl ?? config.databaseUrl ?? "",
    ownerUrl: postgres?.url ?? config.databaseUrl ?? "",
    natsUrl: nats?.url ?? config.natsUrl ?? "",
    nats,
    telegramDc,
    pids: Object.fromEntries(running.map(({ process: { name, pid } }) => [name, pid])),
    died: Promise.race([
      ...running.map((part) => diedUnexpectedly(part.process)),
      // Never settles: with nothing embedded, nothing embedded can die.
      new Promise<HoldfastError>(() => {}),
    ]),
    stop,
  };
}
