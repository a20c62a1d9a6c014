import type { Role } from "../ports/speaker.ts";
import type { AccountProtocol, FleetProtocol } from "./protocol.ts";
import type { NodeProtocol } from "./node-protocol.ts";

type Needed<Protocol> = Readonly<Record<keyof Protocol, Role>>;

/** The role that each verb to an account needs. The methods of `invoke` have tiers of their own. */
const account: Needed<AccountProtocol> = {
  status: "read",
  renewal: "read",
  test: "read",
  invoke: "read",
  history: "read",
  send: "send",
  login: "operate",
  answer: "operate",
  renew: "operate",
  pause: "operate",
  resume: "operate",
  stop: "operate",
  drain: "operate",
  add: "operate",
  import: "operate",
  proxy: "operate",
  password: "operate",
  token: "operate",
  logout: "owner",
  bot: "owner",
  remove: "owner",
};

const fleet: Needed<FleetProtocol> = {
  status: "read",
  health: "read",
  hosts: "read",
  who: "read",
  conversations: "read",
  conversation: "read",
  force: "operate",
  driver: "operate",
  park: "operate",
  "conversation-reply": "operate",
  replay: "operate",
  "replay-all": "operate",
  forget: "operate",
  "forget-search": "operate",
  retention: "operate",
  replies: "read",
  "reply-resend": "operate",
  "reply-drop": "operate",
  campaign: "operate",
  sealing: "read",
  callers: "owner",
  "caller-add": "owner",
  "caller-revoke": "owner",
};

const nodes: Needed<NodeProtocol> = {
  metrics: "read",
  keys: "owner",
  reseal: "owner",
};

/** Where a verb is asked: of one account, of the fleet, or of every node. */
export type VerbOf = "account" | "fleet" | "nodes";

/** Every verb with the role that it needs. */
export const verbRoles: Readonly<Record<VerbOf, Readonly<Record<string, Role>>>> = {
  account,
  fleet,
  nodes,
};

/** null: there is no such verb. */
export const roleNeeded = (of: VerbOf, verb: string): Role | null =>
  Object.hasOwn(verbRoles[of], verb) ? verbRoles[of][verb]! : null;
