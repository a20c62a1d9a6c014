import type { Connection, TlObject, TlValue } from "../../seam.ts";
import type { AuthKeyRecord } from "../model.ts";

/** The caller. */
export interface Caller {
  readonly connection: Connection;
  readonly key: AuthKeyRecord;
}

/** Answers one method; throws RpcError to refuse. */
export type Method = (caller: Caller, query: TlObject) => TlValue | Promise<TlValue>;

/** Methods by their name in the TL schema. */
export type MethodTable = Readonly<Record<string, Method>>;
