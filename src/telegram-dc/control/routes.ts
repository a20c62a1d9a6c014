import { createFaultRoutes } from "./fault-routes.ts";
import { createLedgerRoutes } from "./ledger-routes.ts";
import type { Controlled, Route } from "./route.ts";
import { createUserRoutes } from "./user-routes.ts";

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
