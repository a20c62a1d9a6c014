import type { SimProcess } from "./kernel.ts";
import type { SimFleet, SimLinks } from "./sim-fleet.ts";

export interface ServingQuestion {
  readonly fleet: SimFleet;
  readonly links: SimLinks;
  readonly gate: SimProcess;
  readonly node: SimProcess;
  readonly host: string;
  readonly incarnation: string;
  /** The host has taken its accounts up, or is to stop. */
  isDone(): boolean;
}

/** A host that is well takes accounts up within this after it has said that it serves. */
const servingMsMax = 10_000;
const lookMs = 500;

/** A host whose lease says that it serves is given accounts: it takes them up, unless something keeps it from that. */
export function judgeServing(question: ServingQuestion): void {
  const { fleet, links, gate, node, host, incarnation } = question;
  let wellMs = 0;
  const isSeen = () =>
    fleet.hosts.present().some(({ value }) => value.incarnation === incarnation && value.serving);
  const isWell = () =>
    isSeen() &&
    gate.state === "running" &&
    node.state === "running" &&
    [links.nats, links.postgres].every(
      ({ requests, replies, slowMs, staleMs }) =>
        requests === "flow" && replies === "flow" && slowMs === 0 && staleMs === 0,
    );
  const look = () => {
    if (question.isDone() || node.state === "dead" || gate.state === "dead") return;
    wellMs = isWell() ? wellMs + lookMs : 0;
    if (wellMs < servingMsMax) return fleet.kernel.at(lookMs, look);
    fleet.broke({
      invariant: "serving",
      message: `${host} says that it serves, and took no account up for ${servingMsMax / 1000} s`,
    });
  };
  fleet.kernel.at(lookMs, look);
}
