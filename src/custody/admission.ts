import { HoldfastError } from "../errors.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import type { SlotRef } from "../ports/custody/token-store.ts";

/** In the first frame of a key exchange, these zeros stand in place of a key's id. */
const keyExchangeId = "0".repeat(16);

/** A grant that the gate was told of. */
export interface AdmittedGrant extends GrantRef {
  /** The key's id that the first frame must carry; null until a key exchange has made one. */
  readonly keyId: string | null;
  /** Through which its connections go; null for directly. */
  readonly proxy?: string | null;
}

export interface AdmissionOptions {
  /** The lease of this host stands: asked before each dial and each forwarded write. */
  mayAct(): boolean;
  /** The slot has a socket already, or one on its way. */
  isOpen(slot: SlotRef): boolean;
}

/**
 * The gate's rule book: the connections that it permits, each with its key. Every refusal is
 * GATE_REFUSED.
 */
export interface Admission {
  /** A grant was made. An earlier epoch than the one known is refused. */
  admit(grant: AdmittedGrant): void;
  /** The grant as announced. Throws unless it was, was never cut, has no socket and the lease stands. */
  checkDial(grant: GrantRef): AdmittedGrant;
  /** The key of the first frame is the granted one. The first key after a key exchange becomes the granted one. */
  checkKey(grant: GrantRef, keyId: string): boolean;
  /** This epoch and those before it never connect again. */
  cut(grant: GrantRef): void;
  /** The same for everything that was announced; answers it. */
  cutAll(): readonly GrantRef[];
}

export function createAdmission({ mayAct, isOpen }: AdmissionOptions): Admission {
  const grants = new Map<string, AdmittedGrant>();
  const cutEpochs = new Map<string, number>();
  const keyOf = ({ account, slot }: SlotRef) => `${account}/${slot}`;

  function cut(grant: GrantRef): void {
    const key = keyOf(grant);
    cutEpochs.set(key, Math.max(cutEpochs.get(key) ?? 0, grant.epoch));
  }

  return {
    admit(grant) {
      const known = grants.get(keyOf(grant));
      if (known !== undefined && known.epoch > grant.epoch) {
        throw refusal(`epoch ${known.epoch} was announced after epoch ${grant.epoch}`);
      }
      grants.set(keyOf(grant), grant);
    },
    checkDial(grant) {
      const key = keyOf(grant);
      const known = grants.get(key);
      if (!mayAct()) throw refusal("this host's lease is over");
      if (grant.epoch <= (cutEpochs.get(key) ?? 0)) throw refusal(`epoch ${grant.epoch} was cut`);
      if (known === undefined || known.epoch !== grant.epoch) {
        throw refusal(`no grant of epoch ${grant.epoch} was announced`);
      }
      if (isOpen(grant)) throw refusal("the slot has a socket already");
      return known;
    },
    checkKey(grant, keyId) {
      const key = keyOf(grant);
      const known = grants.get(key);
      if (known === undefined || known.epoch !== grant.epoch) return false;
      if (known.keyId !== null) return keyId === known.keyId;
      if (keyId !== keyExchangeId) grants.set(key, { ...known, keyId });
      return true;
    },
    cut,
    cutAll() {
      const all = [...grants.values()].map(({ account, slot, epoch }) => ({
        account,
        slot,
        epoch,
      }));
      for (const grant of all) cut(grant);
      return all;
    },
  };
}

export function refusal(why: string): HoldfastError {
  return new HoldfastError({
    code: "GATE_REFUSED",
    message: `The gate does not dial: ${why}.`,
    next: "See who holds the account with: npx holdfast who",
  });
}
