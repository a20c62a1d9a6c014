import type { FenceRequest, FleetNews } from "../ports/custody/fleet-bus.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import type { LedgerHead } from "../ports/custody/ledger-store.ts";
import type { Signatures } from "../ports/custody/signatures.ts";
import type { LeaseValue } from "./registers.ts";

/*
 * The texts that a gate signs. Each begins with the kind of its statement, so that no signature counts for
 * another kind, and tells every field that its reader relies on, in one fixed order. All but a live lease are
 * true for ever once they are true: an epoch that was cut never connects again. So to repeat one is harmless,
 * however old it is.
 */

const fieldsOf = ({ account, slot, epoch }: GrantRef) => [account, slot, epoch];

/** The lease as it stands under this key of the register of hosts. */
export function leaseText(key: string, lease: LeaseValue): string {
  const { generation, incarnation, n, nonce, status, serving, holdMs, answerMs } = lease;
  const times = [holdMs ?? null, answerMs ?? null];
  const fields = [key, generation, incarnation, n, nonce, status, serving, ...times];
  return JSON.stringify(["holdfast lease 1", ...fields]);
}

/** The gate has cut these grants and never connects under them again. */
export const letGoText = ({ incarnation, grants }: Extract<FleetNews, { type: "let-go" }>) =>
  JSON.stringify(["holdfast let-go 1", incarnation, grants.map(fieldsOf)]);

/** The gate has cut everything and its lease is over. */
export const endedText = ({ incarnation, host }: Extract<FleetNews, { type: "ended" }>) =>
  JSON.stringify(["holdfast ended 1", incarnation, host]);

/** Whether this is the word of that gate that all is cut and its lease is over. */
export const provesEnd = (
  signatures: Pick<Signatures, "verify">,
  gate: { readonly incarnation: string; readonly host: string },
  signature: unknown,
): boolean => {
  const { incarnation, host } = gate;
  return signatures.verify(incarnation, endedText({ type: "ended", incarnation, host }), signature);
};

/** The gate has done what the fence asked. */
export const fencedText = (incarnation: string, request: FenceRequest): string =>
  JSON.stringify([
    "holdfast fenced 1",
    incarnation,
    request.type === "token" ? fieldsOf(request.grant) : request.type,
  ]);

/** The journal of an incarnation has come to this line, says the gate of `signedBy`. */
export const headText = ({ incarnation, host, seq, digest, ended }: LedgerHead, signedBy: string) =>
  JSON.stringify(["holdfast ledger head 1", incarnation, host, seq, digest, ended, signedBy]);
