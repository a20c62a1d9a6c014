import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { boundServer, createHttpGuard, securityHeaders } from "../../http-guard.ts";
import type { Clock } from "../world/clock.ts";
import { ControlError } from "../world/control-error.ts";
import { streamEvents } from "./event-stream.ts";
import { readFields } from "./fields.ts";
import type { Controlled, Route } from "./route.ts";
import { createRoutes } from "./routes.ts";
import { toWire } from "./wire.ts";

export interface ControlServer {
  /** Such as http://127.0.0.1:4431 */
  readonly url: string;
  close(): Promise<void>;
}

const loopbackHost = "127.0.0.1";
const bodyBytesMax = 1024 * 1024;

/**
 * Serves the control API on loopback, to those who show the token; rejects with the system's error when the port is
 * taken.
 */
export async function startControlServer(
  controlled: Controlled,
  { port, token }: { readonly port: number; readonly token: string },
  clock: Clock,
): Promise<ControlServer> {
  const routes = createRoutes(controlled);
  const guard = createHttpGuard({
    hosts: [],
    methods: ["GET", "POST", "DELETE"],
    token,
    openPaths: [],
  });
  const server = createServer((request, response) => {
    const refused = guard(request, request.url ?? "/");
    if (refused === null) {
      void answer(controlled, routes, clock, request, response);
      return;
    }
    const { status, code, line, headers } = refused;
    reply(response, status, { code, error: `nothing was done: ${line}` }, headers);
  });
  boundServer(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, loopbackHost, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  const boundPort = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${loopbackHost}:${boundPort}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(
  controlled: Controlled,
  routes: readonly Route[],
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? "/", `http://${loopbackHost}`);
    if (request.method === "GET" && url.pathname === "/events") {
      streamEvents(controlled.phone, clock, response);
      return;
    }
    const { route, params } = findRoute(routes, request.method ?? "", url.pathname);
    const source =
      route.method === "POST" ? await readBody(request) : Object.fromEntries(url.searchParams);
    const fields = readFields(source, route.fields);
    const value = await route.answer({ params, fields });
    // Telegram forgets nothing that it has confirmed, whatever ends it in the next moment.
    if (route.method !== "GET") await controlled.kept();
    reply(response, route.method === "POST" ? 201 : 200, value);
  } catch (error) {
    replyError(response, error);
  }
}

function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } {
  const steps = path.split("/");
  for (const route of routes) {
    const params = route.method === method ? matchPath(route.path.split("/"), steps) : undefined;
    if (params !== undefined) return { route, params };
  }
  throw new ControlError(
    "UNKNOWN_ROUTE",
    404,
    `there is no ${method} ${path}; GET / lists what can be asked`,
  );
}

function matchPath(
  pattern: readonly string[],
  steps: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== steps.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const step = steps[index] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = decodeURIComponent(step);
    else if (part !== step) return undefined;
  }
  return params;
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  // A page of elsewhere may post any other type without asking first.
  if (!/^application\/json *(?:;|$)/i.test(request.headers["content-type"] ?? "")) {
    throw new ControlError(
      "BAD_BODY_TYPE",
      415,
      "nothing was done: the body's content-type must be application/json",
    );
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes: Buffer = chunk;
    size += bytes.length;
    if (size > bodyBytesMax) {
      throw new ControlError("BODY_TOO_LONG", 413, "nothing was done: the body is over 1 MiB");
    }
    chunks.push(bytes);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw badBody(error);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw badBody();
  return { ...body };
}

function badBody(cause?: unknown): ControlError {
  return new ControlError(
    "BAD_BODY",
    400,
    'nothing was done: the body must be a JSON object, such as {"firstName": "Ada"}',
    { cause },
  );
}

function reply(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    ...securityHeaders,
    ...headers,
    "content-type": "application/json",
  });
  response.end(`${JSON.stringify(toWire(value))}\n`);
}

function replyError(response: ServerResponse, error: unknown): void {
  if (error instanceof ControlError) {
    reply(response, error.status, { code: error.code, error: error.message });
    return;
  }
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof URIError || (error instanceof TypeError && text === "Invalid URL")) {
    reply(response, 400, { code: "BAD_URL", error: "nothing was done: the URL is malformed" });
    return;
  }
  reply(response, 500, {
    code: "INTERNAL",
    error: `the data centre failed: ${text}; read internalErrors in GET /ledger`,
  });
}
