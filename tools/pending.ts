/** A finding of a check: a name that stays when lines move, and the line to print. */
export interface Found {
  readonly name: string;
  /** `file:line: what is wrong; what to do`. */
  readonly breach: string;
}

/** Breaches that are known and are being mended, by check. A mended one has to leave its list. */
export const pending = {
  circles: [
    "src/cli → src/embedded → src/cli",
    "src/engine/lifecycle-handlers.ts → src/engine/renewal-handlers.ts → src/engine/lifecycle-handlers.ts",
  ],
  exports: ["boundsOf", "channelNames", "conversationMachine", "createConversationStore"],
  ports: [
    "ConversationStore.sessionLookups",
    "OutboxStore.unsent",
    "TokenStore.revokeIncarnation",
    "TokenStore.silenceIncarnation",
  ],
  states: [
    "conversation",
    "conversation: event inactive",
    "conversation: event inbound",
    "conversation: state active",
    "conversation: state ended",
    "conversation: state escalated",
    "conversation: state expired",
    "token",
    "token: event connect.expired",
    "token: event recovered",
    "token: event silenced",
    "token: event suspected",
    "token: state revoked",
    "token: state suspect",
  ],
  statements: [
    "statement commitTurn",
    "statement connect.expired",
    "statement loadSession",
    "statement recovered",
    "statement revokeIncarnation",
    "statement silenceIncarnation",
    "statement silenced",
    "statement suspected",
    "statement unsent",
  ],
  widths: [
    "src/adapters/postgres/grouped-conversation-store.ts",
    "src/adapters/postgres/grouped-conversation-store.ts",
    "src/adapters/postgres/grouped-conversation-store.ts",
    "src/adapters/postgres/outbox-store.ts",
    "src/adapters/telegram/gramjs-driver.ts",
    "src/custody/journal-chain.ts",
    "src/engine/ledger-shipping.ts",
    "src/engine/turn-run.ts",
    "src/engine/turns.ts",
    "src/main/compile-early.ts",
    "src/main/compile-early.ts",
    "src/main/node-turns.ts",
    "src/ports/channel.ts",
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** How often each name occurs. */
function timesOf(names: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
  return times;
}

/**
 * One line for each new finding, and for each known one that is mended. `where` names the file of
 * the list.
 */
export function beyond(
  found: readonly Found[],
  known: readonly string[],
  where = "tools/pending.ts",
): readonly string[] {
  const left = new Map(timesOf(known));
  const breaches: string[] = [];
  for (const { name, breach } of found) {
    const times = left.get(name) ?? 0;
    if (times === 0) breaches.push(breach);
    else left.set(name, times - 1);
  }
  const mended = [...left].flatMap(([name, times]) => Array.from({ length: times }, () => name));
  return [...breaches, ...mended.map((name) => `${where}:1: ${name} is mended; strike it out`)];
}
