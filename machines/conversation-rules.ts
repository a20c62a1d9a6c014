import {
  type AnyStateMachine,
  type AnyStateNode,
  initialTransition,
  type StateValueFrom,
  transition,
} from "xstate";
import { type ConversationEvent, conversationMachine } from "./conversation.ts";

export type ConversationState = StateValueFrom<typeof conversationMachine>;

/** The states that a session is stored with. */
export type SessionStatus = Exclude<ConversationState, "absent">;

/** Why a turn runs in the session that it runs in; also the stable code of its log line and event. */
export type SessionDecision =
  | "SESSION_CREATED_FIRST_CONTACT"
  | "SESSION_CREATED_AFTER_END"
  | "SESSION_CREATED_AFTER_EXPIRY"
  | "SESSION_REUSED"
  | "SESSION_RETURNED"
  | "SESSION_WITH_HUMAN";

/** Events of a session besides a message of its user. */
export type SessionEvent = Exclude<ConversationEvent["type"], "inbound">;

export const sessionStatuses: readonly SessionStatus[] = Object.keys(conversationMachine.states)
  .filter(isState)
  .filter((state) => state !== "absent");

/** The conversation machine as tables: a turn looks up the machine's answers. */
export interface ConversationRules {
  /** A session with one of these statuses is found by the next message, and is the user's only one (I3). */
  readonly open: readonly SessionStatus[];
  /** Why a message's turn runs where it runs, by the state before it, and the status that this leads to. */
  readonly inbound: Readonly<Record<ConversationState, InboundRule>>;
  /** Where each event leads, by the status before it. A missing status: the event changes nothing there. */
  readonly moves: Readonly<Record<SessionEvent, SessionMoves>>;
  /** A session that a person resolves there goes back to the bot: the next turn's decision is SESSION_RETURNED. */
  readonly returning: readonly SessionStatus[];
}

export interface InboundRule {
  readonly decision: SessionDecision;
  readonly to: SessionStatus;
}

export type SessionMoves = Readonly<Partial<Record<SessionStatus, SessionStatus>>>;

const decisions: Readonly<Record<string, SessionDecision>> = {
  "sessionCreated first-contact": "SESSION_CREATED_FIRST_CONTACT",
  "sessionCreated after-end": "SESSION_CREATED_AFTER_END",
  "sessionCreated after-expiry": "SESSION_CREATED_AFTER_EXPIRY",
  sessionReused: "SESSION_REUSED",
  sessionKeptForHuman: "SESSION_WITH_HUMAN",
};

const returned = "sessionReturned";

/** The machine's answer to one event in one state; null: none. */
type Ask = (state: ConversationState, event: ConversationEvent) => Answer | null;

interface Answer {
  readonly to: ConversationState;
  /** The effects that it asks for, each with its reason. */
  readonly asks: readonly string[];
}

/**
 * Reads the tables off a conversation machine, by stepping it once with every event in every state.
 * Throws where the tables could not keep a session: a guard, or a message without a decision.
 * Throws also for a new session that is not open, and for one that expires into an open one.
 */
export function conversationRules(machine: AnyStateMachine): ConversationRules {
  Object.keys(machine.states).forEach(knownState);
  const ask = asking(machine);
  const inbound = tableOf(["absent", ...sessionStatuses], (state) => inboundRule(state, ask));
  const open = sessionStatuses.filter((state) => !isCreating(inbound[state]));
  const moves = (type: SessionEvent): SessionMoves =>
    Object.fromEntries(
      open.flatMap((state) => {
        const answer = ask(state, { type });
        return answer === null ? [] : [[state, storedStatus(answer.to)]];
      }),
    );
  const rules: ConversationRules = {
    open,
    inbound,
    moves: {
      inactive: moves("inactive"),
      escalate: moves("escalate"),
      resolve: moves("resolve"),
      end: moves("end"),
    },
    returning: open.filter((state) => ask(state, { type: "resolve" })?.asks.includes(returned)),
  };
  refuseUnkeepable(rules);
  return rules;
}

/** The rule for a user whose newest session has this status and is not open any more; null: there was none. */
export function openingRule(
  { open, inbound, moves }: ConversationRules,
  before: SessionStatus | null,
): InboundRule {
  if (before === null) return inbound.absent;
  // It was open when the statement began: another one has ended it since.
  return inbound[open.includes(before) ? (moves.end[before] ?? before) : before];
}

/**
 * The status of a session after a turn. `asked` by the bot for the session as the message left it; null: nothing.
 * A message that opened the session has moved it already.
 */
export function statusAfter(
  { inbound, moves }: ConversationRules,
  session: { readonly decision: SessionDecision; readonly status: SessionStatus },
  asked: "escalate" | "end" | null,
): SessionStatus {
  const { decision, to } = inbound[session.status];
  const taken = session.decision === decision ? to : session.status;
  return asked === null ? taken : (moves[asked][taken] ?? taken);
}

function asking(machine: AnyStateMachine): Ask {
  const [{ context }] = initialTransition(machine);
  return (state, event) => {
    const node: AnyStateNode | undefined = machine.states[state];
    const [taken] = node?.transitions.get(event.type) ?? [];
    // Neither a target nor an action: the event is forbidden here.
    if (taken === undefined || (taken.target === undefined && taken.actions.length === 0))
      return null;
    if (taken.guard !== undefined) throw unkeepable(`${event.type} in ${state} has a guard`);
    const before = machine.resolveState({ value: state, context });
    const [after, actions] = transition(machine, before, event);
    return { to: knownState(String(after.value)), asks: actions.map(nameOf) };
  };
}

function nameOf({ type, params }: { readonly type: string; readonly params: unknown }): string {
  const why: unknown = Object(params).why;
  return typeof why === "string" ? `${type} ${why}` : type;
}

function inboundRule(state: ConversationState, ask: Ask): InboundRule {
  const answer = ask(state, { type: "inbound" });
  const [decision, ...others] = (answer?.asks ?? []).flatMap((name) => decisions[name] ?? []);
  if (answer === null || decision === undefined || others.length > 0) {
    throw unkeepable(`a message in ${state} needs one decision about its session`);
  }
  return { decision, to: storedStatus(answer.to) };
}

const isCreating = ({ decision }: InboundRule): boolean => decision.startsWith("SESSION_CREATED_");

function refuseUnkeepable({ open, inbound, moves }: ConversationRules): void {
  for (const rule of Object.values(inbound)) {
    if (isCreating(rule) && !open.includes(rule.to)) {
      throw unkeepable(`a new session would be ${rule.to}, which is not open`);
    }
  }
  for (const status of Object.values(moves.inactive)) {
    if (open.includes(status)) throw unkeepable(`an inactive session would be ${status}, and open`);
  }
}

function isState(name: string): name is ConversationState {
  return name in conversationMachine.states;
}

function knownState(name: string): ConversationState {
  if (isState(name)) return name;
  throw unkeepable(`${name} is no state that a session is known to have`);
}

function storedStatus(state: ConversationState): SessionStatus {
  if (state !== "absent") return state;
  throw unkeepable("a session cannot become absent");
}

const unkeepable = (reason: string): Error =>
  new Error(`The machine of conversations cannot be followed: ${reason}.`);

/** An object with these keys, all of them. */
function tableOf<Key extends string, Value>(
  keys: readonly Key[],
  valueOf: (key: Key) => Value,
): Readonly<Record<Key, Value>> {
  return Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as Record<Key, Value>;
}
