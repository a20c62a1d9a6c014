import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { tokenMachine, tokenRules } from "../../machines/token.ts";

/** What sessions do next on a node, read off the machine once, at start. */
export const sessionRules = conversationRules(conversationMachine);

/** What tokens do next on a node. */
export const custodyRules = tokenRules(tokenMachine);
