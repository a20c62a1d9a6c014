import type { Ledger } from "../world/ledger/ledger-records.ts";
import type { Phone } from "../world/phone/phone-port.ts";
import type { Fields } from "./fields.ts";

/** The parts of the world that the control API shows and plays. */
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
  /** Resolves once all changes so far are kept, where they are kept at all. Never rejects. */
  kept(): Promise<void>;
}

/** One route. `:name` in the path is a parameter. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  /** Names of the fields in the query string (GET, DELETE) or in the JSON body (POST). */
  readonly fields: readonly string[];
  /** The answer; it may still hold bigint and bytes. */
  readonly answer: (request: RouteRequest) => unknown;
}

/** The request: the parameters of its path, and its fields. */
export interface RouteRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly fields: Fields;
}
