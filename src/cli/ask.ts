import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats, type NatsPace } from "../adapters/nats/connection.ts";
import { type NatsAccess, natsIdentity } from "../config/nats-access.ts";
import type { AccountProtocol, FleetProtocol, Reply } from "../commands/protocol.ts";
import type { NodeProtocol } from "../commands/node-protocol.ts";
import { HoldfastError } from "../errors.ts";
import { accountNameMalformed, accountNamePattern } from "../ports/accounts/account-name.ts";
import { natsAccessOf, readRunInfo } from "../embedded/run-info.ts";
import { databaseAt } from "./database-address.ts";
import { changedKey, fleetKey } from "./fleet-key.ts";
import { envelope, requestSealed } from "../adapters/crypto/sealed-request.ts";

export interface AskOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

interface Refusal {
  readonly ok: false;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
}

/** One node's answer of many: a refusal has none of the fields, but its own. */
export type Told<Answered> = Partial<Answered> &
  Partial<Omit<Refusal, "ok">> & { readonly ok: boolean };

const timeoutMsDefault = 5000;

/** NATS as named by HOLDFAST_NATS_URL, else that of the `npm start` running in this folder. */
async function natsAccess(env: AskOptions["env"]): Promise<NatsAccess> {
  const named = env["HOLDFAST_NATS_URL"];
  if (named !== undefined && named !== "") {
    return { ...natsIdentity(env, process.cwd()), url: named };
  }
  const run = await readRunInfo(env["HOLDFAST_HOME"] ?? ".holdfast");
  if (run !== null) return natsAccessOf(run, env);
  throw new HoldfastError({
    code: "NOT_RUNNING",
    message: "Nothing runs in this folder.",
    next: "Start it with: npm start, or name a running fleet in HOLDFAST_NATS_URL.",
  });
}

/** Throws NOT_RUNNING and the errors of `connectNats`. */
export async function connectCommand(
  env: AskOptions["env"],
  pace: NatsPace,
): Promise<NatsConnection> {
  const access = await natsAccess(env);
  try {
    return await connectNats(access, "command", pace);
  } catch (cause) {
    if (!(cause instanceof HoldfastError) || cause.code !== "NATS_UNAVAILABLE") throw cause;
    throw new HoldfastError({
      code: "NATS_UNAVAILABLE",
      message: cause.message,
      next: "Is holdfast running? Start it with: npm start",
      cause,
    });
  }
}

/**
 * HOLDFAST_DATABASE_URL, else the database of the `npm start` that runs in this folder. Throws NOT_RUNNING and
 * DATABASE_URL_MALFORMED.
 */
export async function databaseUrlOf(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const named = env["HOLDFAST_DATABASE_URL"];
  const run = named ? null : await readRunInfo(env["HOLDFAST_HOME"] ?? ".holdfast");
  const url = named || run?.database;
  if (url !== undefined) return databaseAt(url).text;
  throw new HoldfastError({
    code: "NOT_RUNNING",
    message: "Nothing runs in this folder.",
    next: "Name the fleet's database in HOLDFAST_DATABASE_URL.",
  });
}

/**
 * Asks the holder of an account, or where none runs any node. Throws the refusal, ACCOUNT_NAME_MALFORMED,
 * NATS_UNAVAILABLE or NODE_UNAVAILABLE.
 */
export const askAccount = async <Verb extends keyof AccountProtocol>(
  account: string,
  verb: Verb,
  body: AccountProtocol[Verb]["asked"],
  options: AskOptions,
): Promise<AccountProtocol[Verb]["answered"]> => {
  // A subject takes no spaces, and a node would not hear of it.
  if (!accountNamePattern.test(account)) throw accountNameMalformed(account);
  return ask(`holdfast.account.${account}.${verb}`, body, options);
};

/** Asks any node about the fleet. Throws as `askAccount` does. */
export const askFleet = <Verb extends keyof FleetProtocol>(
  verb: Verb,
  body: FleetProtocol[Verb]["asked"],
  options: AskOptions,
): Promise<FleetProtocol[Verb]["answered"]> => ask(subjectOf(verb), body, options);

const subjectOf = (verb: keyof FleetProtocol): string =>
  verb === "status" ? "holdfast.status" : `holdfast.fleet.${verb}`;

/** Asks every node and gives back the answer that comes first. Throws as `askAccount` does. */
export const askAnyNode = <Verb extends keyof NodeProtocol>(
  verb: Verb,
  body: NodeProtocol[Verb]["asked"],
  options: AskOptions,
): Promise<NodeProtocol[Verb]["answered"]> => ask(`holdfast.nodes.${verb}`, body, options);

async function ask<Answered>(
  subject: string,
  body: object,
  { env, timeoutMs = timeoutMsDefault }: AskOptions,
): Promise<Answered> {
  const nats = await connectCommand(env, { timeoutMs, comesBack: false });
  try {
    const key = await fleetKey(nats, env, timeoutMs);
    // The nodes of one fleet speak one protocol.
    const answer = (await requestSealed(nats, key, { subject, body, timeoutMs })) as
      | Reply<Answered>
      | Refusal;
    if (!answer.ok && answer.code === "SEAL_UNREADABLE") {
      throw (await changedKey(nats, env, { kept: key, timeoutMs })) ?? refusal(answer);
    }
    if (!answer.ok) throw refusal(answer);
    return answer;
  } catch (cause) {
    throw unanswered(nats, cause);
  } finally {
    await nats.close();
  }
}

/** What a silent fleet means for the one who typed: NODE_UNAVAILABLE, with the server that was asked. */
function unanswered(nats: NatsConnection, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError && cause.code !== "NODE_UNAVAILABLE") return cause;
  return new HoldfastError({
    code: "NODE_UNAVAILABLE",
    message: `No node answers on ${nats.getServer()}.`,
    next: "It may be restarting: try again in a few seconds.",
    cause,
  });
}

function refusal({
  code = "REFUSED",
  message = "The node refused.",
  next,
}: Refusal): HoldfastError {
  return new HoldfastError({ code, message, ...(next === undefined ? {} : { next }) });
}

interface EveryOptions<Verb extends keyof NodeProtocol> extends AskOptions {
  isEnough?(answers: readonly Told<NodeProtocol[Verb]["answered"]>[]): boolean;
}

/**
 * Sends one command to every node, and gives back the answers that come in time. Throws as `askAccount` does.
 * `isEnough`: asked after each answer; none is waited for after a yes.
 */
export async function askEveryNode<Verb extends keyof NodeProtocol>(
  verb: Verb,
  body: NodeProtocol[Verb]["asked"],
  { env, timeoutMs = 2000, isEnough = () => false }: EveryOptions<Verb>,
): Promise<readonly Told<NodeProtocol[Verb]["answered"]>[]> {
  const nats = await connectCommand(env, { timeoutMs, comesBack: false });
  try {
    const answers: Told<NodeProtocol[Verb]["answered"]>[] = [];
    const subject = `holdfast.nodes.${verb}`;
    const sealed = envelope(await fleetKey(nats, env, timeoutMs), subject, body);
    const found = await nats.requestMany(subject, sealed.text, {
      maxWait: timeoutMs,
      strategy: "stall",
      stall: 500,
    });
    for await (const reply of found) {
      answers.push(sealed.read(reply.string()) as Told<NodeProtocol[Verb]["answered"]>);
      if (isEnough(answers)) break;
    }
    return answers;
  } catch (cause) {
    throw unanswered(nats, cause);
  } finally {
    await nats.close();
  }
}
