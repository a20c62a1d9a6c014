import { HoldfastError } from "../errors.ts";
import type { GrantRef, Permit } from "../ports/custody/gate.ts";
import type { SlotRef } from "../ports/custody/token-store.ts";

/** In the first frame of a key exchange, these zeros stand in place of a key's id. */
const keyExchangeId = "0".repeat(16);

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
  /**
   * The permit that stands: the first of its epoch. Throws unless the lease stands, the epoch is the newest and was
   * never cut, and the slot has no socket.
   */
  checkDial(permit: Permit): Permit;
  /** The key of the first frame is the granted one. The first key after a key exchange becomes the granted one. */
  checkKey(grant: GrantRef, keyId: string): boolean;
  /** This epoch and those before it never connect again. */
  cut(grant: GrantRef): void;
  /** The same for every grant that a dial was asked under; answers them. */
  cutAll(): readonly GrantRef[];
}

export function createAdmission({ mayAct, isOpen }: AdmissionOptions): Admission {
  const permits = new Map<string, Permit>();
  const cutEpochs = new Map<string, number>();
  const keyOf = ({ account, slot }: SlotRef) => `${account}/${slot}`;

  function cut(grant: GrantRef): void {
    const key = keyOf(grant);
    cutEpochs.set(key, Math.max(cutEpochs.get(key) ?? 0, grant.epoch));
  }

  return {
    checkDial(permit) {
      const key = keyOf(permit);
      const known = permits.get(key);
      const { epoch } = permit;
      if (!mayAct()) throw refusal("this host's lease is over");
      if (epoch <= (cutEpochs.get(key) ?? 0)) throw refusal(`epoch ${epoch} was cut`);
      if (known !== undefined && known.epoch > epoch) {
        throw refusal(`epoch ${known.epoch} came after epoch ${epoch}`);
      }
      if (isOpen(permit)) throw refusal("the slot has a socket already");
      if (known?.epoch === epoch) return known;
      permits.set(key, permit);
      return permit;
    },
    checkKey(grant, keyId) {
      const key = keyOf(grant);
      const known = permits.get(key);
      if (known === undefined || known.epoch !== grant.epoch) return false;
      if (known.keyId !== null) return keyId === known.keyId;
      if (keyId !== keyExchangeId) permits.set(key, { ...known, keyId });
      return true;
    },
    cut,
    cutAll() {
      const all = [...permits.values()].map(({ account, slot, epoch }) => ({
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
