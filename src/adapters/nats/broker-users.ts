import { partitions } from "../../ports/conversation/partitions.ts";
import type { BrokerUser } from "./broker-keys.ts";

/** All replies to commands that came from another account of the broker. */
const replies = "_R_.>";

/** What the client of one register publishes: it may make it and use it, and cannot delete it or empty it. */
const register = (bucket: string): readonly string[] => [
  `$JS.API.STREAM.CREATE.KV_${bucket}`,
  `$JS.API.STREAM.UPDATE.KV_${bucket}`,
  `$JS.API.STREAM.INFO.KV_${bucket}`,
  `$JS.API.STREAM.MSG.GET.KV_${bucket}`,
  `$JS.API.DIRECT.GET.KV_${bucket}`,
  `$JS.API.DIRECT.GET.KV_${bucket}.>`,
  ...consumersOf(`KV_${bucket}`),
  `$KV.${bucket}.>`,
];

const consumersOf = (stream: string): readonly string[] => [
  `$JS.API.CONSUMER.*.${stream}`,
  `$JS.API.CONSUMER.*.${stream}.>`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
];

const messages = (stream: string): readonly string[] => [
  `$JS.API.STREAM.CREATE.${stream}`,
  `$JS.API.STREAM.UPDATE.${stream}`,
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  ...consumersOf(stream),
];

const streams = ["HOLDFAST_INBOUND", ...partitions.map((one) => `HOLDFAST_INBOUND_${one}`)];

/** What the streams' own protocol needs: acknowledgements, flow control. */
const protocol = ["$JS.API.INFO", "$JS.ACK.>", "$JS.FC.>"];

const gate: BrokerUser = {
  name: "gate",
  account: "HOLDFAST",
  publish: [
    ...protocol,
    ...register("HOLDFAST_HOSTS"),
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
    ...["HOLDFAST_HOSTS", "HOLDFAST_FLOORS", "HOLDFAST_FLEET"].flatMap(register),
    ...streams.flatMap(messages),
    ...messages("HOLDFAST_PARKED"),
    // The stream of a version without partitions goes when its messages have moved.
    "$JS.API.STREAM.DELETE.HOLDFAST_INBOUND",
    "$JS.API.STREAM.MSG.DELETE.HOLDFAST_PARKED",
    "holdfast.inbound.*",
    "holdfast.parked",
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
export const commandSubjects: readonly string[] = [
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
