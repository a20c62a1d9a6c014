import { type AnyStateMachine, createMachine } from "xstate";
import { conversationMachine } from "../../machines/conversation.ts";
import type { ConversationRules, ConversationState } from "../../machines/conversation-rules.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";

interface Transition {
  readonly target?: ConversationState;
  readonly guard?: () => boolean;
  readonly actions?: string | { readonly type: string; readonly params: unknown };
}

/** A copy of the conversation machine in which one event in one state does this instead; undefined: nothing. */
export function changedMachine(
  state: ConversationState,
  event: string,
  transition: Transition | undefined,
): AnyStateMachine {
  const { config, implementations } = conversationMachine;
  const states = config.states ?? {};
  const before = states[state];
  return createMachine(
    {
      ...config,
      states: { ...states, [state]: { ...before, on: { ...before?.on, [event]: transition } } },
    },
    implementations,
  );
}

export const changedRules = (...change: Parameters<typeof changedMachine>): ConversationRules =>
  conversationRules(changedMachine(...change));
