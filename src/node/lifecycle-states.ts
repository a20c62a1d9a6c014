import type { AnyStateNode } from "xstate";
import { lifecycleMachine, lifecycleStateName } from "../../machines/lifecycle.ts";

/** Every state's name as events and metrics show it. */
export function lifecycleStateNames(): readonly string[] {
  return Object.values(lifecycleMachine.states).flatMap((node: AnyStateNode) => {
    const children = Object.keys(node.states);
    return children.length === 0
      ? [node.key]
      : children.map((child) => lifecycleStateName({ [node.key]: child }));
  });
}
