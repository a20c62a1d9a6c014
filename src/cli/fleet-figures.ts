import type { HostSummary } from "../commands/host-summary.ts";
import type { NodeProtocol } from "../commands/node-protocol.ts";
import { nodeFigureNames } from "../ports/node-figures.ts";
import { errorLine } from "../errors.ts";
import { askEveryNode, askFleet, type AskOptions, type Told } from "./ask.ts";
import { onceMore } from "./once-more.ts";
import type { FleetFigures } from "./verdicts.ts";

/** A host whose figures are missing, and why. */
export interface SilentHost {
  readonly host: string;
  readonly why: string;
}

export interface ReadFigures extends FleetFigures {
  /** Hosts that told their figures. */
  readonly answered: readonly string[];
  readonly silent: readonly SilentHost[];
  /** ISO 8601: since then at the earliest the nodes count; null: none answered. */
  readonly since: string | null;
}

type NodeAnswer = Told<NodeProtocol["metrics"]["answered"]>;

/** The figures of the whole fleet. Throws as `askFleet` does. */
export async function readFleetFigures(options: AskOptions): Promise<ReadFigures> {
  const [{ hosts }, { stored, accounts }] = await Promise.all([
    onceMore(options, (asking) => askFleet("hosts", {}, asking)),
    onceMore(options, (asking) => askFleet("health", {}, asking)),
  ]);
  const expected = hosts.filter(({ state }) => state === "serving");
  const answers = await askEveryNode(
    "metrics",
    {},
    {
      ...options,
      isEnough: (some) => expected.every(({ host }) => some.some((one) => one.host === host)),
    },
  ).catch((error: unknown) => [{ ok: false, message: errorLine(error) }]);
  const told = sumUp(expected, answers);
  const silent = told.silent.map(({ host }) => host);
  return { ...told, stored, accounts, hosts: { serving: expected.length, silent } };
}

/**
 * Sums what the nodes told. A figure that one of the answers lacks, as its version knew none, is left out.
 * @param expected the hosts that serve
 */
export function sumUp(
  expected: readonly Pick<HostSummary, "host">[],
  answers: readonly NodeAnswer[],
): Pick<ReadFigures, "counted" | "answered" | "silent" | "since"> {
  const known = answers.filter(({ ok, host, figures }) => ok && host && figures);
  const answered = [...new Set(known.flatMap(({ host }) => host ?? []))].toSorted();
  const refusal = answers.find(({ ok }) => !ok);
  const why =
    refusal === undefined ? "no answer in time" : `it was refused: ${refusal.message ?? "?"}`;
  const figures = new Map<string, number>();
  for (const name of [...nodeFigureNames, "nodeRestarts"] as const) {
    const values = known.map((answer) =>
      name === "nodeRestarts" ? answer.nodeRestarts : answer.figures?.[name],
    );
    if (known.length === 0 || !values.every(isCount)) continue;
    figures.set(
      name,
      values.reduce((sum, value) => sum + value, 0),
    );
  }
  return {
    counted: Object.fromEntries(figures),
    answered,
    silent: expected
      .filter(({ host }) => !answered.includes(host))
      .map(({ host }) => ({ host, why })),
    since:
      known
        .flatMap(({ since }) => since ?? [])
        .toSorted()
        .at(0) ?? null,
  };
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;
