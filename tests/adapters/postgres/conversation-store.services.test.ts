import { describe } from "vitest";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { specifyConversationStore } from "../../contracts/conversation-store.ts";

const rules = conversationRules(conversationMachine);

describe.each([
  ["one turn", 1],
  ["many turns", 16],
])("with %s per statement", (_, sizeMax) => {
  specifyConversationStore((database) =>
    createConversationStore(database, { rules, limits: { lanes: 2, sizeMax } }),
  );
});
