import { lifecycleStateNames } from "../../machines/lifecycle.ts";
import { type HttpServer, startHttpServer } from "../adapters/http/http-server.ts";
import { createMetrics, type Metrics } from "../adapters/metrics/metrics.ts";
import type { Config } from "../config/config.ts";
import { webhookSilent } from "../config/webhook.ts";
import type { GateClient } from "../gate/gate-client.ts";

/**
 * Why this node is not ready to serve, if it is not. It is about the host alone: an account that is quarantined needs a
 * person, and no other host would serve it better. Metrics and status tell accounts apart.
 */
export interface Readiness {
  /** Postgres is away, and everything was given up. */
  gaveUp(): void;
  /** The accounts that belong here were taken up. */
  begun(): void;
  /** null: the webhook channel takes messages. Otherwise why it does not, in one line. */
  webhookListens(fault: string | null): void;
  /** One line for a person; null: this node is ready. */
  unready(): string | null;
}

export function createReadiness({ hasWebhook }: { readonly hasWebhook: boolean }): Readiness {
  let silence = hasWebhook ? "starting: the webhook channel does not listen yet" : null;
  let hasGivenUp = false;
  let hasBegun = false;
  return {
    gaveUp() {
      hasGivenUp = true;
    },
    begun() {
      hasBegun = true;
    },
    webhookListens(fault) {
      silence = fault === null ? null : `${webhookSilent}: ${fault}`;
    },
    unready() {
      if (hasGivenUp) return "Postgres is away; everything is given up until it is back";
      return hasBegun ? silence : "starting: accounts are not taken up yet";
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
