import type { TokenEvent, TokenRules, TokenState } from "../../../machines/token.ts";
import { HoldfastError } from "../../errors.ts";

type EventType = TokenEvent["type"];

/**
 * The demands and writes of each statement beside the state, by the machine's own names: its guard,
 * and its one action of these. The states that an event leaves and enters are not given here: they
 * are read from the machine.
 */
const told: Readonly<
  Record<EventType, { readonly guard: string | null; readonly does: readonly string[] }>
> = {
  grant: { guard: null, does: ["mintEpoch"] },
  superseded: { guard: "ofThisGrantUpToItsFloor", does: ["mintAboveFloor"] },
  connected: { guard: "ofThisEpoch", does: [] },
  drain: { guard: "ofThisEpoch", does: [] },
  released: { guard: "ofThisEpoch", does: ["forgetHolder"] },
  // `coalesce(held_as, state)` remembers whichever it was.
  revoked: {
    guard: "ofTheHolder",
    does: ["rememberGranted", "rememberConnected", "rememberDraining"],
  },
  silenced: { guard: "ofTheHolder", does: ["forgetHolder"] },
};

/** Columns that a token's reader needs, by their names alone and with the table's. */
export const tokenColumns = "account, slot, epoch, state, held_as, incarnation, connected_epoch";
export const tokensColumns =
  "tokens.account, tokens.slot, tokens.epoch, tokens.state, tokens.held_as, tokens.incarnation, tokens.connected_epoch";

const holderless = "incarnation = null, held_as = null";

/**
 * Every statement that changes a token, and the conditions on a token's state of all others. Built once when a store is
 * made. Throws TOKEN_RULES_UNKNOWN for a machine with an event, a guard or an action that no statement tells.
 */
export function tokenStatements(rules: TokenRules) {
  check(rules);
  const { leaves } = rules;
  const free = `${entering(rules, "released")}, ${holderless}, changed_at = now()`;
  const live = "live as (select id from incarnations where id = $3 and state = 'LIVE' for share)";
  const ofGrant = (
    event: EventType,
    also = "",
    from = "",
  ) => `update tokens set ${entering(rules, event)}${also}, changed_at = now()
      ${from}where account = $1 and slot = $2 and ${isOneOf("state", leaves(event))} and epoch = $3 returning ${tokenColumns}`;

  return {
    /** $1 account, $2 slot, $3 incarnation. */
    grant: `with ${live}
  update tokens set epoch = epoch + 1, ${entering(rules, "grant")}, incarnation = live.id, changed_at = now()
  from live where account = $1 and slot = $2 and ${isOneOf("tokens.state", leaves("grant"))}
  returning ${tokensColumns}`,
    /** $1 account, $2 slot, $3 incarnation, $4 epoch, $5 floor. */
    supersede: `with ${live}
  update tokens set epoch = $5::bigint + 1, ${unlessItStays(rules, "superseded")}changed_at = now()
  from live where account = $1 and slot = $2 and ${isOneOf("tokens.state", leaves("superseded"))}
    and tokens.incarnation = live.id and tokens.epoch = $4 and tokens.epoch <= $5::bigint
  returning ${tokensColumns}`,
    /** $1 account, $2 slot, $3 epoch. */
    connected: ofGrant("connected", ", connected_epoch = epoch"),
    drain: ofGrant("drain"),
    /**
     * $4 the server's salt, or null.
     * Does not wait for the disk: the next grant's commit does, and makes this durable as well. What a crash of
     * Postgres forgets before that stays held by an incarnation that uses it no more.
     */
    released: `with quick as materialized (select set_config('synchronous_commit', 'off', true))
      ${ofGrant("released", `, ${holderless}, server_salt = coalesce($4::bigint, server_salt)`, "from quick ")}`,
    /**
     * $1 accounts, $2 slots, $3 epochs, $4 their holder. Every statement on several rows locks them in the same
     * order, so that none wait in a circle.
     */
    releaseAll: `
  with let_go as (
    select t.account, t.slot from tokens t
    join unnest($1::text[], $2::int[], $3::bigint[]) as g (account, slot, epoch)
      on t.account = g.account and t.slot = g.slot and t.epoch = g.epoch
    where ${isOneOf("t.state", leaves("released"))} and t.incarnation = $4
    order by t.account, t.slot for update of t)
  update tokens set ${free} from let_go
  where tokens.account = let_go.account and tokens.slot = let_go.slot
  returning tokens.account, tokens.slot`,
    /** $1 incarnation. */
    revoke: `
  with known as (select id from incarnations where id = $1 for update),
  ended as (update incarnations set state = 'REVOKED', ended_at = now()
    where id in (select id from known) and state <> 'REVOKED'),
  held as (select account, slot from tokens
    where incarnation in (select id from known)${butFor("state", keptByRevocation(rules))}
    order by account, slot for update),
  revoked as (update tokens set held_as = coalesce(held_as, state), ${entering(rules, "revoked")}, changed_at = now()
    from held where tokens.account = held.account and tokens.slot = held.slot)
  select id from known`,
    /** $1 incarnation. */
    silence: `
  with ended as (update incarnations set silenced_at = coalesce(silenced_at, now())
    where id = $1 and state = 'REVOKED' returning id),
  held as (select account, slot from tokens where incarnation in (select id from ended)${butFor("state", keptBySilence(rules))}
    order by account, slot for update)
  update tokens set ${entering(rules, "silenced")}, ${holderless}, changed_at = now() from held
  where tokens.account = held.account and tokens.slot = held.slot
  returning tokens.account, tokens.slot, tokens.epoch`,
    /** A token that may be granted. */
    isFree: (column: string) => isOneOf(column, leaves("grant")),
    /** A token whose holder may begin to drain, as a renewal does. */
    mayDrain: (column: string) => isOneOf(column, leaves("drain")),
    /** A token whose holder's writes count (I6). */
    mayWrite: (column: string) => isOneOf(column, rules.writing),
  };
}

const quoted = (state: string): string => `'${state}'`;

function isOneOf(column: string, states: readonly TokenState[]): string {
  const [only, ...more] = states;
  if (only === undefined) return "false";
  return more.length === 0
    ? `${column} = ${quoted(only)}`
    : `${column} in (${states.map(quoted).join(", ")})`;
}

/** All rows of a holder but those in these states. */
function butFor(column: string, states: readonly TokenState[]): string {
  const [only, ...more] = states;
  if (only === undefined) return "";
  return more.length === 0
    ? ` and ${column} <> ${quoted(only)}`
    : ` and ${column} not in (${states.map(quoted).join(", ")})`;
}

/** Sets the state that an event enters; where these differ, by the state before. */
function entering(rules: TokenRules, event: EventType): string {
  const ways = rules.leaves(event).map((from) => ({ from, to: rules.enters(event, from) ?? from }));
  const entered = new Set(ways.map(({ to }) => to));
  const [only, ...more] = entered;
  if (only === undefined) return "state = state";
  if (more.length === 0) return `state = ${quoted(only)}`;
  const cases = ways.map(({ from, to }) => `when ${quoted(from)} then ${quoted(to)}`);
  return `state = case tokens.state ${cases.join(" ")} end`;
}

const unlessItStays = (rules: TokenRules, event: EventType): string =>
  rules.leaves(event).every((from) => rules.enters(event, from) === from)
    ? ""
    : `${entering(rules, event)}, `;

/** States with a holder that a revocation leaves as they are. */
function keptByRevocation({ states, leaves }: TokenRules): readonly TokenState[] {
  const without = new Set([...leaves("grant"), ...leaves("revoked")]);
  return states.filter((state) => !without.has(state));
}

/** States that a revoked incarnation's token may have and keeps through its silence. */
function keptBySilence(rules: TokenRules): readonly TokenState[] {
  const { leaves, enters } = rules;
  const reached = leaves("revoked").map((from) => enters("revoked", from) ?? from);
  const left = new Set(leaves("silenced"));
  return [...new Set([...reached, ...keptByRevocation(rules)])].filter((state) => !left.has(state));
}

function check({ rows }: TokenRules): void {
  const statements = new Map<string, (typeof told)[EventType]>(Object.entries(told));
  const seen = new Set<string>();
  for (const { from, event, guard, guarded, actions } of rows) {
    const statement = statements.get(event);
    if (statement === undefined) throw unknownRule(from, event, "no statement is sent for it");
    const { guard: demanded, does } = statement;
    if (guard !== demanded || guarded !== (demanded !== null)) {
      throw unknownRule(from, event, `its statement demands ${demanded ?? "nothing more"}`);
    }
    const isDone = does.length === 0 ? actions.length === 0 : does.includes(actions.join(" "));
    if (!isDone)
      throw unknownRule(from, event, `its statement does ${does.join(" or ") || "nothing"}`);
    if (seen.has(`${event} in ${from}`)) throw unknownRule(from, event, "it has two ways");
    seen.add(`${event} in ${from}`);
  }
}

function unknownRule(from: string, event: string, why: string): HoldfastError {
  return new HoldfastError({
    code: "TOKEN_RULES_UNKNOWN",
    message: `The token machine takes ${event} in ${from} otherwise than Postgres would: ${why}.`,
    next: "Change its statement in src/adapters/postgres/token-statements.ts as well.",
  });
}
