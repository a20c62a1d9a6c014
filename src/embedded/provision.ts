import type { NatsConnection } from "@nats-io/transport-node";
import { requestSealed } from "../adapters/crypto/sealed-request.ts";
import { connectNats } from "../adapters/nats/connection.ts";
import type { NatsAccess } from "../config/nats-access.ts";
import { HoldfastError } from "../errors.ts";
import { hostsBot } from "../ports/accounts/chosen-bot.ts";
import type { AccountEvent } from "../ports/accounts/event-sink.ts";
import { type ControlAccess, control } from "./control-api.ts";

export interface ProvisionOptions {
  /** As an operator. */
  readonly nats: NatsAccess;
  /** The control API of the simulated data centre. */
  readonly control: ControlAccess;
  /** The fleet's public sealing key; null: no node has made one. */
  readonly sealKey: string | null;
}

/** The example's accounts: a bot with buttons, and a person's account with numbered menus. */
export const exampleBot = { account: "site-bot", username: "site_bot" } as const;
export const exampleDesk = {
  account: "site-desk",
  username: "site_desk",
  phone: "+33100000001",
} as const;

interface Reply {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
  readonly account?: { readonly state: string; readonly bot: string | null };
}

type Keyed = ProvisionOptions & { readonly sealKey: string };

interface Fleet {
  readonly nats: NatsConnection;
  readonly sealKey: string;
}

const readyMsMax = 30_000;
const askMsMax = 10_000;

/**
 * Creates the two example accounts on the simulated data centre, adds them to the node and logs
 * them in, playing the phone. Leaves existing ones alone. Resolves when both are active.
 */
export async function provisionExampleAccounts({
  sealKey,
  ...of
}: ProvisionOptions): Promise<void> {
  if (sealKey === null) throw noKey();
  const options = { ...of, sealKey };
  const nats = await connectNats(options.nats, "provision", { comesBack: false });
  try {
    await Promise.all([provisionBot(nats, options), provisionDesk(nats, options)]);
  } finally {
    await nats.close();
  }
}

async function provisionBot(
  nats: NatsConnection,
  { control: access, sealKey }: Keyed,
): Promise<void> {
  const { account, username } = exampleBot;
  const body = { firstName: "Site manager", username, bot: true };
  const { botToken } = await userOf<{ botToken: string }>(access, username, body);
  await add({ nats, sealKey }, account, { botToken });
  await untilActive({ nats, sealKey }, account, async () => {});
}

async function provisionDesk(
  nats: NatsConnection,
  { control: access, sealKey }: Keyed,
): Promise<void> {
  const { account, username, phone } = exampleDesk;
  await userOf(access, username, { firstName: "Site desk", username, phone });
  await add({ nats, sealKey }, account, { phone });
  // A person's account has no bot unless one is chosen: this one is made up.
  const { account: desk } = await ask({ nats, sealKey }, account, "status", {});
  if (desk?.bot === null) await ask({ nats, sealKey }, account, "bot", { bot: hostsBot });
  await untilActive({ nats, sealKey }, account, async (of) => {
    const { code } = await control<{ code: string | null }>(
      access,
      "GET",
      `/users/${username}/code?waitMs=${askMsMax}`,
    );
    await ask({ nats, sealKey }, account, "answer", { of, kind: "code", value: code });
  });
}

/** Logs the account in if needed; `onCodeAsked` plays the person. */
async function untilActive(
  fleet: Fleet,
  account: string,
  onCodeAsked: (of: string) => Promise<void>,
): Promise<void> {
  const events = fleet.nats.subscribe(`holdfast.account.${account}.event`);
  const timer = setTimeout(() => events.unsubscribe(), readyMsMax);
  try {
    const { account: status } = await ask(fleet, account, "status", {});
    if (status?.state === "active") return;
    if (status?.state === "unauthorised.waiting" || status?.state === "quarantined") {
      await ask(fleet, account, "login", {});
    }
    for await (const message of events) {
      const event = message.json<AccountEvent>();
      if (event.type === "question") await onCodeAsked(event.question.of);
      if (event.type === "transition" && event.to === "active") return;
    }
    throw notActive(account, (await ask(fleet, account, "status", {})).account?.state);
  } finally {
    clearTimeout(timer);
    events.unsubscribe();
  }
}

async function add(fleet: Fleet, account: string, body: unknown): Promise<void> {
  await ask(fleet, account, "add", body).catch((error: unknown) => {
    if (!(error instanceof HoldfastError) || error.code !== "ACCOUNT_EXISTS") throw error;
  });
}

async function ask(
  { nats, sealKey }: Fleet,
  account: string,
  verb: string,
  body: unknown,
): Promise<Reply> {
  const subject = `holdfast.account.${account}.${verb}`;
  const request = { subject, body, timeoutMs: askMsMax };
  const answer = (await requestSealed(nats, sealKey, request).catch((cause: unknown) =>
    Promise.reject(silent(cause, account, verb)),
  )) as Reply;
  if (answer.ok) return answer;
  const { code = "REFUSED", message = `The node refused ${verb}.`, next } = answer;
  throw new HoldfastError({ code, message, next: next ?? "Read logs/gate.log in the home." });
}

async function userOf<T>(access: ControlAccess, username: string, body: unknown): Promise<T> {
  return control<T>(access, "GET", `/users/${username}`).catch(() =>
    control<T>(access, "POST", "/users", body),
  );
}

/** On a slow machine a start may end so. Anything else than a silence is thrown as it came. */
function silent(cause: unknown, account: string, verb: string): unknown {
  if (!(cause instanceof HoldfastError) || cause.code !== "NODE_UNAVAILABLE") return cause;
  return new HoldfastError({
    code: "EXAMPLE_NOT_ANSWERED",
    message: `The example account ${account} could not be set up: the node gave no answer to "${verb}", asked for ${askMsMax / 1000} s at most.`,
    next: "If this machine is busy, start again: npm start. What the node did is in logs/gate.log in the home.",
    policy: "retryable",
    cause,
  });
}

function notActive(account: string, state: string | undefined): HoldfastError {
  return new HoldfastError({
    code: "EXAMPLE_NOT_ACTIVE",
    message: `The example account ${account} is ${state ?? "unknown"} after ${readyMsMax / 1000} s.`,
    next: `Look at it with: npx holdfast status ${account}. Its log is logs/gate.log in the home.`,
  });
}

const noKey = () =>
  new HoldfastError({
    code: "SEAL_UNKNOWN",
    message: "The node has kept no sealing key in the database, so no secret can be sent to it.",
    next: "Start it again with this version: npm start",
  });
