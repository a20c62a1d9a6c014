import { lifecycleStateNames } from "../../machines/lifecycle.ts";
import { type HttpServer, startHttpServer } from "../adapters/http/http-server.ts";
import { createMetrics, type Metrics } from "../adapters/metrics/metrics.ts";
import type { Config } from "../config/config.ts";
import type { GateClient } from "../gate/gate-client.ts";

const unwellStates: ReadonlySet<string> = new Set(["quarantined", "burying", "fenced"]);

/** Why this node is not ready to serve, if it is not. */
export interface Readiness {
  /** Postgres is away, and everything was given up. */
  gaveUp(): void;
  /** The accounts that belong here were taken up. */
  begun(): void;
  /** One line for a person; null: this node is ready. */
  unready(
    accounts: readonly { readonly name: string; readonly runtime: { readonly state: string } }[],
  ): string | null;
}

export function createReadiness(): Readiness {
  let hasGivenUp = false;
  let hasBegun = false;
  return {
    gaveUp() {
      hasGivenUp = true;
    },
    begun() {
      hasBegun = true;
    },
    unready(accounts) {
      if (hasGivenUp) return "Postgres is away; everything is given up until it is back";
      if (!hasBegun) return "starting: accounts are not taken up yet";
      const ill = accounts.filter(({ runtime }) => unwellStates.has(runtime.state));
      return ill.length === 0
        ? null
        : ill.map(({ name, runtime }) => `${name} is ${runtime.state}`).join(", ");
    },
  };
}

export const createNodeMetrics = (): Metrics => createMetrics(lifecycleStateNames());

/**
 * Shows the gate's figures beside the node's own. Each reading shows those that the reading before
 * requested.
 */
export function showGateFigures(metrics: Pick<Metrics, "gate">, gate: Pick<GateClient, "figures">) {
  let latest: Readonly<Record<string, number>> = {};
  metrics.gate(() => {
    gate.figures().then(
      (figures) => (latest = figures),
      () => undefined,
    );
    return latest;
  });
}

export interface FiguresOptions {
  readonly http: Config["http"];
  /** 0 takes any free port. */
  readonly port: number;
  /** Names by which it is reached, beside loopback's and the address it listens on. */
  readonly names: readonly string[];
  /** The bearer token for status and console. */
  readonly token: string;
  readonly metrics: Pick<Metrics, "contentType" | "render">;
  status(): Promise<unknown>;
  unready(): string | null;
}

/** Metrics, readiness and status over HTTP. Throws PORT_IN_USE. */
export const serveFigures = ({ http, metrics, ...rest }: FiguresOptions): Promise<HttpServer> =>
  startHttpServer({
    ...http,
    ...rest,
    metricsType: metrics.contentType,
    metrics: metrics.render,
  });
