import { conversationMachine } from "../../machines/conversation.ts";
import { conversationRules } from "../../machines/conversation-rules.ts";
import { tokenMachine, tokenRules } from "../../machines/token.ts";

/** The rules of sessions on a node, read off the machine once, at start. */
export const sessionRules = conversationRules(conversationMachine);

/** The rules of tokens on a node. */
export const custodyRules = tokenRules(tokenMachine);
