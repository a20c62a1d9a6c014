import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { boundServer, createHttpGuard, isSameToken, securityHeaders } from "../../http-guard.ts";
import { listenAt } from "../../http-listen.ts";

export interface HttpOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Names by which it is reached, beside loopback's and `host`. */
  readonly names: readonly string[];
  /** Needed for all but metrics and health. */
  readonly token: string;
  readonly metricsType: string;
  metrics(): Promise<string>;
  /** The reason why the node is not ready; null when it is ready. */
  unready(): string | null;
  status(): Promise<unknown>;
}

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

const openPaths = ["/metrics", "/healthz", "/readyz"];
const cookie = "holdfast_console";
const plain = "text/plain; charset=utf-8";

/**
 * Serves `/metrics`, `/healthz` (this process answers), `/readyz` (this host has taken up its accounts), and under
 * the token `/status` as JSON, and `/` for a person. `/?token=…` gives a browser the token as a cookie. Throws
 * PORT_IN_USE with the remedy.
 */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { host, port } = options;
  const guard = createHttpGuard({
    hosts: [host, ...options.names],
    methods: ["GET", "HEAD"],
    token: options.token,
    cookie,
    openPaths,
  });
  const server = createServer((request, response) => {
    respond({ ...options, guard }, request, response).catch((error: unknown) => {
      response.writeHead(500, { ...securityHeaders, "content-type": plain });
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  boundServer(server);
  await listenAt(server, { host, port, variable: "HOLDFAST_HTTP_PORT" });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  options: HttpOptions & { readonly guard: ReturnType<typeof createHttpGuard> },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, type: string, body: string, headers = {}) => {
    response.writeHead(status, { ...securityHeaders, ...headers, "content-type": type });
    response.end(body);
  };
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const refused = options.guard(request, path);
  const given = new URLSearchParams(query).get("token");
  if (path === "/" && refused?.status === 401 && isSameToken(given ?? "", options.token)) {
    const kept = `${cookie}=${options.token}; HttpOnly; SameSite=Strict; Path=/`;
    return send(303, plain, "", { "set-cookie": kept, location: "/" });
  }
  if (refused !== null) return send(refused.status, plain, `${refused.line}\n`, refused.headers);
  switch (path) {
    case "/metrics":
      return send(200, options.metricsType, await options.metrics());
    case "/healthz":
      return send(200, plain, "alive\n");
    case "/readyz": {
      const why = options.unready();
      return send(why === null ? 200 : 503, plain, why === null ? "ready\n" : `${why}\n`);
    }
    case "/status":
      return send(200, "application/json", `${JSON.stringify(await options.status())}\n`);
    case "/":
      return send(200, "text/html; charset=utf-8", page(await options.status()));
    default:
      return send(404, plain, "Not here. Try /metrics, /healthz, /readyz or /status.\n");
  }
}

function page(status: unknown): string {
  const text = JSON.stringify(status, null, 2).replace(
    /[&<>]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character] ?? character,
  );
  return `<!doctype html><meta charset="utf-8"><title>Holdfast</title>
<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}</style>
<h1>Holdfast</h1><p><a href="/metrics">metrics</a> · <a href="/healthz">health</a> · <a href="/readyz">readiness</a> ·
<a href="/status">status as JSON</a></p><pre>${text}</pre>`;
}
