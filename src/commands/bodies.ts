import * as z from "zod";
import { loginMethods, renewalMethods } from "../accounts/login/methods.ts";
import {
  accountName,
  choice,
  flag,
  maybe,
  number,
  orNull,
  params,
  rowId,
  text,
  textLike,
  whole,
} from "./body-fields.ts";
import type { AccountProtocol, FleetProtocol } from "./protocol.ts";
import type { NodeProtocol } from "./node-protocol.ts";

/** The schema of each verb's request: its output is what the protocol says is asked. */
type Bodies<Protocol extends Readonly<Record<keyof Protocol, { asked: unknown }>>> = {
  readonly [Verb in keyof Protocol]: z.ZodType<Protocol[Verb]["asked"]>;
};

/** Longer than any message: Telegram itself says which text is too long. */
const messageMax = 65_536;
const secretMax = 4_096;
const idMax = 200;
/** The most sessions that one answer is asked for. */
const sessionsMax = 200;

/** A cursor of an earlier answer. */
const rowNumber = () => textLike(/^-?[1-9]\d{0,14}$/, "a cursor of an earlier answer");

const nothing = z.object({});
const stop = z.object({ force: maybe(flag()) });
const sealTo = { sealTo: maybe(text(128)) };
const choices = {
  driver: maybe(text(32)),
  device: maybe(text(128)),
  proxy: maybe(text(secretMax)),
};
/** Ids of Telegram's messages and of rows. */
const position = () => whole(1, Number.MAX_SAFE_INTEGER);

/** What each verb to one account takes. */
const account = {
  status: nothing,
  login: z.object({
    method: maybe(choice(["auto", ...loginMethods])),
    id: maybe(text(idMax)),
    ...sealTo,
  }),
  answer: z.object({
    of: text(idMax),
    kind: maybe(choice(["code", "password"])),
    value: text(secretMax),
  }),
  renew: z.object({
    method: maybe(choice(["auto", ...renewalMethods])),
    id: maybe(text(idMax)),
    ...sealTo,
  }),
  renewal: z.object({ id: text(idMax) }),
  pause: nothing,
  resume: nothing,
  logout: nothing,
  stop,
  drain: stop,
  test: nothing,
  invoke: z.object({ method: text(128), params: maybe(orNull(params())) }),
  send: z.object({ peer: text(128), text: text(messageMax), key: text(idMax) }),
  history: z.object({
    peer: text(128),
    limit: maybe(whole(1, 100)),
    before: maybe(position()),
  }),
  add: z.object({ ...choices, botToken: maybe(text(secretMax)), phone: maybe(text(64)) }),
  import: z.object({
    ...choices,
    dcId: whole(1, 10_000),
    key: text(secretMax),
    stopped: maybe(flag()),
    keep: maybe(flag()),
  }),
  proxy: z.object({ proxy: orNull(text(secretMax)) }),
  password: z.object({ password: orNull(text(secretMax)) }),
  bot: z.object({ bot: text(messageMax) }),
  token: z.object({ botToken: text(secretMax) }),
  remove: z.object({ confirm: text(64), keepKeys: maybe(flag()) }),
} satisfies Bodies<AccountProtocol>;

/** What each verb to the fleet takes. */
const fleet = {
  status: z.object({ after: maybe(accountName()) }),
  health: nothing,
  hosts: nothing,
  sealing: nothing,
  who: z.object({
    account: maybe(accountName()),
    keyId: maybe(textLike(/^[0-9a-f]{16}$/, "16 hex digits in lower case")),
  }),
  force: z.object({ account: accountName() }),
  driver: z.object({ account: accountName(), driver: text(32) }),
  conversations: z.object({
    account: maybe(text(64)),
    limit: maybe(whole(1, sessionsMax)),
    before: maybe(rowNumber()),
    parkedBefore: maybe(
      textLike(/^[\d:.TZ-]{20,40} [1-9]\d{0,18}$/, "a cursor of an earlier answer"),
    ),
  }),
  conversation: z.object({
    session: rowId(),
    after: maybe(whole(0, Number.MAX_SAFE_INTEGER)),
  }),
  escalations: z.object({ account: maybe(text(64)) }),
  park: z.object({ session: rowId(), back: maybe(flag()) }),
  "conversation-reply": z.object({ session: rowId(), text: text(messageMax), key: text(idMax) }),
  replay: z.object({ parked: rowId() }),
  "replay-all": z.object({
    reason: maybe(textLike(/^[A-Z0-9_]{1,64}$/, "the code that a reason begins with")),
    until: maybe(
      textLike(/^\d{4}-\d\d-\d\dT[\d:.]{8,16}Z$/, "the moment that the first part's answer names"),
    ),
  }),
  forget: z.object({
    user: text(idMax),
    account: maybe(text(64)),
    channel: maybe(text(32)),
    dryRun: maybe(flag()),
    at: maybe(text(128)),
  }),
  "forget-search": z.object({ user: text(idMax), at: maybe(text(128)) }),
  retention: z.object({ dryRun: maybe(flag()) }),
  replies: z.object({
    account: maybe(text(64)),
    limit: maybe(whole(1, sessionsMax)),
    before: maybe(text(64)),
  }),
  "reply-resend": z.object({ reply: text(64) }),
  "reply-drop": z.object({ reply: text(64) }),
  callers: nothing,
  "caller-add": z.object({
    name: text(200),
    key: text(200),
    role: text(32),
    accounts: z
      .union([z.literal("all"), z.array(accountName()).min(1).max(10_000)])
      .describe('"all", or a list of names of accounts'),
    days: maybe(orNull(number())),
  }),
  "caller-revoke": z.object({ name: text(200) }),
  campaign: z.object({ because: maybe(text(1_000)), ended: maybe(text(idMax)) }),
} satisfies Bodies<FleetProtocol>;

/** What each verb to every node takes. */
const nodes = {
  metrics: nothing,
  keys: nothing,
  reseal: z.object({ under: text(128) }),
} satisfies Bodies<NodeProtocol>;

/** The one schema of each verb's request. A verb without a row here does not compile. */
export const bodies: Readonly<
  Record<"account" | "fleet" | "nodes", Readonly<Record<string, z.ZodObject>>>
> = { account, fleet, nodes };
