import { Agent, request } from "node:http";

/** Without the proxy that a shell names for Node (`NODE_USE_ENV_PROXY`): none leads to this host's own servers. */
const direct = new Agent();

export interface NearRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface NearAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks a server of this host over HTTP. Follows no redirection. Rejects where nothing answers, when `signal` aborts,
 * and for a text of more than `bytesMax` bytes.
 */
export function askNear(
  url: string | URL,
  { method = "GET", headers = {}, body, signal }: NearRequest = {},
  bytesMax = 64 * 1024 * 1024,
): Promise<NearAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: direct, ...(signal === undefined ? {} : { signal }) };
    const asking = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > bytesMax) asking.destroy(new Error(`more than ${bytesMax} bytes`));
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

export const isGood = ({ status }: NearAnswer): boolean => status >= 200 && status < 300;
