import { connect, type NatsConnection } from "@nats-io/transport-node";
import { HoldfastError } from "../errors.ts";
import { readRunInfo } from "./run-info.ts";

export interface AskOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
  readonly [field: string]: unknown;
}

const timeoutMsDefault = 5000;

/** NATS as named by HOLDFAST_NATS_URL, else that of the `npm start` running in this folder. */
export async function natsUrl(env: AskOptions["env"]): Promise<string> {
  const named = env["HOLDFAST_NATS_URL"];
  if (named !== undefined && named !== "") return named;
  const run = await readRunInfo(env["HOLDFAST_HOME"] ?? ".holdfast");
  if (run !== null) return run.nats;
  throw new HoldfastError({
    code: "NOT_RUNNING",
    message: "Nothing runs in this folder.",
    next: "Start it with: npm start, or name a running fleet in HOLDFAST_NATS_URL.",
  });
}

/** Sends one command to the nodes and gives back what they answer; throws the refusal they give. */
export async function ask(
  subject: string,
  body: unknown,
  { env, timeoutMs = timeoutMsDefault }: AskOptions,
): Promise<Answer> {
  const servers = await natsUrl(env);
  let nats: NatsConnection;
  try {
    nats = await connect({ servers, timeout: timeoutMs, maxReconnectAttempts: 0 });
  } catch (cause) {
    throw new HoldfastError({
      code: "NATS_UNAVAILABLE",
      message: `NATS does not answer at ${servers}.`,
      next: "Is holdfast running? Start it with: npm start",
      cause,
    });
  }
  try {
    const reply = await nats.request(subject, JSON.stringify(body), { timeout: timeoutMs });
    const answer = JSON.parse(reply.string()) as Answer;
    if (!answer.ok) throw refusal(answer);
    return answer;
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError({
      code: "NODE_UNAVAILABLE",
      message: `No node answers on ${servers}.`,
      next: "It may be restarting: try again in a few seconds.",
      cause,
    });
  } finally {
    await nats.close();
  }
}

function refusal({ code = "REFUSED", message = "The node refused.", next }: Answer): HoldfastError {
  return new HoldfastError({ code, message, ...(next === undefined ? {} : { next }) });
}

/** Sends one command to every node, and gives back what those answer that answer in time. */
export async function askEveryone(
  subject: string,
  body: unknown,
  { env, timeoutMs = 2000 }: AskOptions,
): Promise<readonly Answer[]> {
  const nats = await connect({ servers: await natsUrl(env), timeout: timeoutMs });
  try {
    const answers: Answer[] = [];
    const found = await nats.requestMany(subject, JSON.stringify(body), {
      maxWait: timeoutMs,
      strategy: "stall",
      stall: 500,
    });
    for await (const reply of found) answers.push(JSON.parse(reply.string()) as Answer);
    return answers;
  } finally {
    await nats.close();
  }
}
