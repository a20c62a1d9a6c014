import { partitions } from "../../ports/conversation/partitions.ts";
import type { BrokerUser } from "./broker-keys.ts";

/** All replies to commands that came from another account of the broker. */
const replies = "_R_.>";

/** What the streams' own protocol needs: acknowledgements, flow control. */
const protocol = ["$JS.API.INFO", "$JS.ACK.>", "$JS.FC.>"];

/** A register: its user makes, reads and writes it, and can neither delete it nor empty it. */
const register = (name: string): readonly string[] => [
  ...["CREATE", "INFO", "MSG.GET"].map((verb) => `$JS.API.STREAM.${verb}.KV_${name}`),
  `$JS.API.DIRECT.GET.KV_${name}.>`,
  `$JS.API.CONSUMER.*.KV_${name}`,
  `$JS.API.CONSUMER.*.KV_${name}.>`,
  `$KV.${name}.>`,
];

const gate: BrokerUser = {
  name: "gate",
  account: "HOLDFAST",
  publish: [
    ...protocol,
    ...register("HOLDFAST_HOSTS"),
    ...register("HOLDFAST_FLEET"),
    "holdfast.custody.news",
    "holdfast.custody.fence.*",
    // Answers to a fence, which another gate or a node asks for.
    "_INBOX.gate.>",
    "_INBOX.node.>",
  ],
  subscribe: ["holdfast.custody.news", "holdfast.custody.fence.*"],
  inboxPrefix: "_INBOX.gate",
};

const node: BrokerUser = {
  name: "node",
  account: "HOLDFAST",
  publish: [
    ...protocol,
    // By verb, and not by stream: all streams of this account are the service's own, and a server takes the token of a
    // user only up to 4 KiB.
    ...["CREATE", "UPDATE", "INFO", "MSG.GET"].map((verb) => `$JS.API.STREAM.${verb}.*`),
    "$JS.API.DIRECT.GET.>",
    "$JS.API.CONSUMER.>",
    "$KV.HOLDFAST_HOSTS.>",
    "$KV.HOLDFAST_FLOORS.>",
    "$KV.HOLDFAST_FLEET.>",
    // The stream of a version without partitions goes when its messages have moved, and so do messages set aside there.
    "$JS.API.STREAM.DELETE.HOLDFAST_INBOUND",
    "$JS.API.STREAM.MSG.DELETE.HOLDFAST_PARKED",
    // A message of a person who is forgotten.
    ...partitions.map((one) => `$JS.API.STREAM.MSG.DELETE.HOLDFAST_INBOUND_${one}`),
    "holdfast.inbound.*",
    "holdfast.custody.news",
    "holdfast.custody.fence.*",
    "holdfast.account.*.*",
    "_INBOX.gate.>",
    "_INBOX.node.>",
    replies,
  ],
  subscribe: [
    "holdfast.custody.news",
    "holdfast.account.*.*",
    "holdfast.fleet.*",
    "holdfast.nodes.*",
    "holdfast.status",
  ],
  inboxPrefix: "_INBOX.node",
};

/** The subjects of commands. */
const commandSubjects: readonly string[] = [
  "holdfast.account.*.*",
  "holdfast.fleet.*",
  "holdfast.nodes.*",
  "holdfast.status",
];
/** Published by nodes alone: from anyone else it would be a lie. */
export const eventSubject = "holdfast.account.*.event";

const operator: BrokerUser = {
  name: "operator",
  account: "CALLERS",
  publish: commandSubjects,
  publishDenied: [eventSubject],
  subscribe: [">"],
  // What a caller asked for is for that caller.
  subscribeDenied: ["_INBOX.caller.>"],
  inboxPrefix: "_INBOX.operator",
};

/** The service's own users, each with no more than what its code publishes and hears. */
export const brokerUsers: readonly BrokerUser[] = [gate, node, operator];
