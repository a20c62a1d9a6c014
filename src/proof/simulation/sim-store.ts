import type { TokenEvent, TokenRules } from "../../../machines/token.ts";
import { HoldfastError } from "../../errors.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { HoldPromise } from "../../ports/custody/hold-promise.ts";
import type {
  Beat,
  HolderRecord,
  IncarnationRecord,
  IncarnationStore,
} from "../../ports/custody/incarnation-store.ts";
import type {
  ServingToken,
  SlotRef,
  TokenOutcome,
  TokenRecord,
  TokenStore,
} from "../../ports/custody/token-store.ts";
import type { Kernel, SimProcess } from "./kernel.ts";
import { call, type Link } from "./link.ts";

/** Custody's part of Postgres, as one process reaches it. */
export type SimStoreView = IncarnationStore &
  TokenStore & {
    /** A write of the token's holder, such as an update cursor: refused for an epoch that moved on (I6). */
    commit(grant: GrantRef): Promise<boolean>;
  };

/** Carries out one statement, with the delays and faults of its way. */
export type Statement = <Result>(execute: () => Result) => Promise<Result>;

export interface SimStore {
  /** The tables as they are reached by this way. */
  over(statement: Statement): SimStoreView;
  /** One event of a token, as a part of a larger statement. */
  apply(ref: SlotRef, event: TokenEvent): TokenOutcome;
  view(of: { readonly from: SimProcess; readonly link: Link }): SimStoreView;
  /** A serving slot with a free token; without `keyId`, no key of it is on record. */
  addToken(of: SlotRef & { readonly keyId?: string }): void;
  /** A copy of everything, as a backup would have it. */
  copy(): StoreCopy;
  restore(copy: StoreCopy): void;
  token(ref: SlotRef): TokenRecord | null;
  /** As the last release of the slot's token left it. */
  serverSalt(ref: SlotRef): string | null;
  readonly restores: number;
}

interface Incarnation {
  readonly id: string;
  readonly host: string;
  readonly state: HolderRecord["state"];
  readonly beats: number;
  readonly endedAtMs: number | null;
  readonly proof: ServingToken["proof"];
  readonly promise: HoldPromise | null;
  readonly isSilenced: boolean;
}

interface Row {
  readonly token: TokenRecord;
  readonly keyId: string | null;
  /** Virtual time of the token's last change, milliseconds. */
  readonly changedAtMs: number;
}

export interface StoreCopy {
  readonly rows: ReadonlyMap<string, Row>;
  readonly incarnations: ReadonlyMap<string, Incarnation>;
}

const keyOf = ({ account, slot }: SlotRef): string => `${account}/${slot}`;

/**
 * Tables in memory; every call is one statement, carried out whole when it arrives, by the rules of the token
 * machine.
 */
export function createSimStore(
  kernel: Kernel,
  timeoutMs: number,
  rules: TokenRules,
  /** A write under this grant was accepted. */
  onCommit: (grant: GrantRef) => void,
): SimStore {
  let rows = new Map<string, Row>();
  let incarnations = new Map<string, Incarnation>();
  /** Hints, no part of a backup's copy. */
  const salts = new Map<string, string>();
  let restores = 0;

  const put = (token: TokenRecord, keyId: string | null): TokenRecord => {
    rows.set(keyOf(token), { token, keyId, changedAtMs: kernel.nowMs });
    return token;
  };
  const find = (ref: SlotRef): TokenRecord | null => rows.get(keyOf(ref))?.token ?? null;
  const isLive = (id: string): boolean => incarnations.get(id)?.state === "LIVE";
  const heldBy = (id: string): TokenRecord[] =>
    [...rows.values()].map(({ token }) => token).filter(({ incarnation }) => incarnation === id);

  function apply(ref: SlotRef, event: TokenEvent): TokenOutcome {
    const row = rows.get(keyOf(ref));
    if (row === undefined) return { applied: false, token: null };
    const { token, keyId } = row;
    const mints = event.type === "grant" || event.type === "superseded";
    const next = mints && !isLive(event.incarnation) ? null : rules.next(token, event);
    if (next === null) return { applied: false, token };
    const connectedEpoch = event.type === "connected" ? token.epoch : token.connectedEpoch;
    const after = { account: token.account, slot: token.slot, ...next, connectedEpoch };
    return { applied: true, token: put(after, keyId) };
  }

  function release(grant: GrantRef, serverSalt: string | null): TokenOutcome {
    const outcome = apply(grant, { type: "released", epoch: grant.epoch });
    if (outcome.applied && serverSalt !== null) salts.set(keyOf(grant), serverSalt);
    return outcome;
  }

  function end(id: string, state: Incarnation["state"]): void {
    const known = incarnations.get(id);
    if (known === undefined || known.state === state) return;
    incarnations.set(id, { ...known, state, endedAtMs: kernel.nowMs });
  }

  function releaseAll(grants: readonly GrantRef[], holder: string): SlotRef[] {
    return grants
      .filter((grant) => find(grant)?.incarnation === holder)
      .filter((grant) => apply(grant, { type: "released", epoch: grant.epoch }).applied)
      .map(({ account, slot }) => ({ account, slot }));
  }

  function revoke(id: string): boolean {
    if (!incarnations.has(id)) return false;
    end(id, "REVOKED");
    for (const token of heldBy(id)) apply(token, { type: "revoked", incarnation: id });
    return true;
  }

  function silence(id: string): GrantRef[] {
    const ended = incarnations.get(id);
    if (ended?.state !== "REVOKED") return [];
    incarnations.set(id, { ...ended, isSilenced: true });
    return heldBy(id)
      .filter((token) => apply(token, { type: "silenced", incarnation: id }).applied)
      .map(({ account, slot, epoch }) => ({ account, slot, epoch }));
  }

  function beat(id: string): Beat {
    const known = incarnations.get(id);
    if (known === undefined) return { state: "MISSING" };
    const beats = known.beats + 1;
    incarnations.set(id, { ...known, beats });
    return known.state === "LIVE" ? { state: "LIVE", beats } : { state: known.state };
  }

  const over = (statement: Statement): SimStoreView => {
    return {
      read: (ref) => statement(() => find(ref)),
      heldBy: (id, account) =>
        statement(() =>
          heldBy(id).filter((token) => account === undefined || token.account === account),
        ),
      heldBesides: (id, accounts, but) =>
        statement(() =>
          heldBy(id).filter(({ account }) => !accounts.includes(account) || but.includes(account)),
        ),
      register: ({ id, host, proof, promise = null }) =>
        statement(() => {
          const known = incarnations.get(id);
          if (known !== undefined && known.host !== host) throw incarnationEnded(id);
          incarnations.set(
            id,
            known === undefined
              ? {
                  id,
                  host,
                  state: "LIVE",
                  beats: 0,
                  endedAtMs: null,
                  proof,
                  promise,
                  isSilenced: false,
                }
              : { ...known, proof },
          );
          if (!isLive(id)) throw incarnationEnded(id);
        }),
      registration: (id) =>
        statement(() => {
          const known = incarnations.get(id);
          if (known === undefined) return null;
          const hasReleased = known.state === "RELEASED" && heldBy(id).length === 0;
          const isOver = known.isSilenced || hasReleased;
          return { host: known.host, promise: known.promise, isOver };
        }),
      predecessors: ({ id, host }) =>
        statement(() =>
          [...incarnations.values()]
            .filter((one) => one.host === host && one.id !== id)
            .filter((one) => one.state === "LIVE" || heldBy(one.id).length > 0)
            .map(
              (one): IncarnationRecord => ({
                id: one.id,
                host,
                state: one.state,
                endedForMs: one.endedAtMs === null ? null : kernel.nowMs - one.endedAtMs,
                proof: one.proof,
              }),
            ),
        ),
      release: (id) =>
        statement(() => {
          if (isLive(id) && heldBy(id).length === 0) end(id, "RELEASED");
        }),
      grant: (ref, incarnation) => statement(() => apply(ref, { type: "grant", incarnation })),
      supersede: ({ account, slot, epoch }, id, floor) =>
        statement(() => {
          const event = { type: "superseded", epoch, incarnation: id, floor } as const;
          const { applied, token } = apply({ account, slot }, event);
          return applied ? { account, slot, epoch: token.epoch } : null;
        }),
      connected: (grant) =>
        statement(() => apply(grant, { type: "connected", epoch: grant.epoch })),
      drain: (grant) => statement(() => apply(grant, { type: "drain", epoch: grant.epoch })),
      released: (grant, serverSalt = null) => statement(() => release(grant, serverSalt)),
      releaseAll: (grants, holder) => statement(() => releaseAll(grants, holder)),
      freeAmong: (refs) =>
        statement(() => refs.filter((ref) => isIn(rules.leaves("grant"), find(ref)))),
      serving: (of = {}) =>
        statement(() =>
          [...rows.values()]
            .filter(({ token }) => of.account === undefined || token.account === of.account)
            .filter(({ keyId }) => of.keyId === undefined || keyId === of.keyId)
            .map(({ token, keyId, changedAtMs }) => {
              const holder = incarnations.get(token.incarnation ?? "");
              const { host, proof } = holder ?? { host: null, proof: null };
              return { ...token, keyId, host, sinceMs: changedAtMs, proof };
            }),
        ),
      beat: (id) => statement(() => beat(id)),
      marksOfOthers: (id) =>
        statement(() =>
          [...incarnations.values()]
            .filter((one) => one.id !== id && one.state === "LIVE")
            .map((one) => `${one.id} ${one.beats}`)
            .toSorted()
            .join(),
        ),
      holders: () =>
        statement(() =>
          [...incarnations.values()]
            .map(({ id, host, state }) => ({
              incarnation: id,
              host,
              state,
              tokens: heldBy(id).length,
            }))
            .filter((one) => one.state === "LIVE" || one.tokens > 0),
        ),
      revoke: (id) => statement(() => revoke(id)),
      silence: (id) => statement(() => silence(id)),
      commit: ({ account, slot, epoch }) =>
        statement(() => {
          const token = find({ account, slot });
          if (token?.epoch !== epoch || !isIn(rules.writing, token)) return false;
          onCommit({ account, slot, epoch });
          return true;
        }),
    };
  };

  return {
    over,
    apply,
    view: ({ from, link }) =>
      over((execute) => call({ kernel, from, link, timeoutMs, execute, onTimeout: unavailable })),
    addToken({ account, slot, keyId }) {
      put({ account, slot, ...rules.first, connectedEpoch: 0 }, keyId ?? null);
    },
    copy: () => ({ rows: new Map(rows), incarnations: new Map(incarnations) }),
    restore(copy) {
      restores += 1;
      rows = new Map(copy.rows);
      incarnations = new Map(copy.incarnations);
    },
    token: find,
    serverSalt: (ref) => salts.get(keyOf(ref)) ?? null,
    get restores() {
      return restores;
    },
  };
}

const isIn = (states: readonly TokenRecord["state"][], token: TokenRecord | null): boolean =>
  token !== null && states.includes(token.state);

const unavailable = () =>
  new HoldfastError({
    code: "DATABASE_UNAVAILABLE",
    message: "Postgres does not answer; the outcome is unknown.",
    policy: "retryable",
  });

const incarnationEnded = (id: string) =>
  new HoldfastError({
    code: "INCARNATION_ENDED",
    message: `The incarnation ${id} was revoked; it may not hold anything any more.`,
  });
