import type { Registry } from "prom-client";
import {
  carriedIdGone,
  type HealthSign,
  inboundLost,
  sessionIndexViolated,
} from "../../ports/conversation/health-signs.ts";
import type { NodeFigures } from "../../ports/node-figures.ts";

interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string;
}

/** The target of a lookup, as the histogram has it. */
const lookupSecondsMax = 0.01;

/**
 * Sums the metrics of this node for a person.
 * @param counts accounts that are left out of the sums are none of the asker's
 */
export async function readNodeFigures(
  registry: Registry,
  counts: (account: string) => boolean,
): Promise<NodeFigures> {
  const sumOf = async (name: string, takes: (of: Value) => boolean = () => true) => {
    const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
    return (values as readonly Value[])
      .filter((of) => isCounted(of, counts) && takes(of))
      .reduce((sum, { value }) => sum + value, 0);
  };
  const decisions = (takes: (code: string) => boolean) =>
    sumOf("holdfast_session_decisions_total", ({ labels }) => takes(String(labels["code"])));
  const signs = (sign: HealthSign) =>
    sumOf("holdfast_conversation_signs_total", ({ labels }) => labels["sign"] === sign);
  const notes = (code: string) =>
    sumOf("holdfast_notes_total", ({ labels }) => labels["code"] === code);
  const lookups = (part: string, takes: (of: Value) => boolean = () => true) =>
    sumOf(lookupName, (of) => of.metricName === `${lookupName}_${part}` && takes(of));

  const all = await lookups("count");
  const quick = await lookups("bucket", ({ labels }) => labels["le"] === lookupSecondsMax);
  return {
    sessionsCreated: await decisions(isCreation),
    sessionsReused: await decisions((code) => !isCreation(code)),
    contextLost: await signs("CONTEXT_LOST"),
    historyEmpty: await signs("HISTORY_EMPTY"),
    rapidCreates: await signs("RAPID_CREATES"),
    rapidCreatesPerMinute: await signs("RAPID_CREATES_CRITICAL"),
    indexViolations: await notes(sessionIndexViolated),
    sessionsGone: await notes(carriedIdGone),
    actions: await sumOf("holdfast_direct_actions_total"),
    actionsWithoutResult: await sumOf(
      "holdfast_direct_actions_total",
      ({ labels }) => labels["outcome"] !== "resolved",
    ),
    lookups: all,
    lookupsSlow: all - quick,
    lookupSeconds: await lookups("sum"),
    inboundLost: await notes(inboundLost),
    partitionsHeld: await sumOf("holdfast_partition_held"),
    floodWaits: await sumOf("holdfast_flood_waits_total"),
    floodSeconds: await sumOf("holdfast_flood_wait_seconds_total"),
    unproven: await sumOf("holdfast_custody_unproven_total"),
  };
}

const lookupName = "holdfast_session_lookup_seconds";

const isCreation = (code: string): boolean => code.startsWith("SESSION_CREATED_");

function isCounted({ labels }: Value, counts: (account: string) => boolean): boolean {
  const { account } = labels;
  return account === undefined || counts(String(account));
}
