import { describe } from "vitest";
import { createConversationStore } from "../../../src/adapters/postgres/conversation-store.ts";
import { createGroupedConversationStore } from "../../../src/adapters/postgres/grouped-conversation-store.ts";
import { conversationStoreContract } from "../../contracts/conversation-store.ts";

describe("with one statement per turn", () => {
  conversationStoreContract(createConversationStore);
});

describe("with many turns per statement", () => {
  conversationStoreContract((database) =>
    createGroupedConversationStore(database, { lanes: 2, sizeMax: 16 }),
  );
});
