import { HoldfastError } from "../errors.ts";
import type { Managed } from "./processes.ts";

/** Calls back with each message of a child process that `is` recognises. */
export function onMessage<Message>(
  { child }: Managed,
  is: (value: unknown) => value is Message,
  handle: (message: Message) => void,
): void {
  child.on("message", (value: unknown) => {
    if (is(value)) handle(value);
  });
}

export function hasType<Type extends string>(
  value: unknown,
  type: Type,
): value is { readonly type: Type } {
  return typeof value === "object" && value !== null && "type" in value && value.type === type;
}

/** The error for a child process that ended too early, with its own last words. */
export function endedEarly(managed: Managed, next: string): HoldfastError {
  const words = managed.lastLines().slice(-3).join(" / ") || "it said nothing";
  return new HoldfastError({
    code: "PART_ENDED",
    message: `${managed.name} ended before it was ready: ${words}.`,
    next,
  });
}
