import type { Ledger } from "../world/ledger-records.ts";
import type { Phone } from "../world/phone.ts";
import { createFaultRoutes } from "./fault-routes.ts";
import type { Fields } from "./fields.ts";
import { createLedgerRoutes } from "./ledger-routes.ts";
import { createUserRoutes } from "./user-routes.ts";

/** What the control API shows and plays. */
export interface Controlled {
  readonly host: string;
  readonly port: number;
  readonly mediaPort: number;
  readonly dcId: number;
  readonly rsaPublicKeyPem: string;
  readonly fingerprint: bigint;
  readonly phone: Phone;
  readonly ledger: Ledger;
  readonly protocolStats: object;
}

/** One thing that can be asked. `:name` in the path is a parameter. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  /** Names of the fields in the query string (GET, DELETE) or in the JSON body (POST). */
  readonly fields: readonly string[];
  /** The answer, still with bigint and bytes in it. */
  readonly answer: (request: RouteRequest) => unknown;
}

export interface RouteRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly fields: Fields;
}

export function createRoutes(controlled: Controlled): Route[] {
  const routes: Route[] = [
    ...createUserRoutes(controlled.phone),
    ...createFaultRoutes(controlled.phone),
    ...createLedgerRoutes(controlled),
  ];
  const names = [...routes, { method: "GET", path: "/events" }, { method: "GET", path: "/" }];
  const { host, port, mediaPort, dcId, rsaPublicKeyPem, fingerprint } = controlled;
  routes.push({
    method: "GET",
    path: "/",
    fields: [],
    answer: () => ({
      host,
      port,
      mediaPort,
      dcId,
      rsaPublicKeyPem,
      fingerprint,
      routes: names.map(({ method, path }) => `${method} ${path}`),
    }),
  });
  return routes;
}
