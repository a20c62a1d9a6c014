import type { AccountProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import { TelegramError } from "../ports/telegram/telegram-error.ts";
import type { StoredPeers } from "../ports/conversation/stored-peers.ts";
import type { JsonObject, TelegramClient } from "../ports/telegram/telegram.ts";
import type { Account } from "../accounts/account.ts";
import { numberIn, textIn } from "./fields.ts";
import { firstThatFit } from "./pages.ts";
import { told } from "./told.ts";
import { withoutServiceTexts } from "../ports/telegram/service-account.ts";
import { underOneOf } from "./peer-by-id.ts";
import { checkPeers, checkRawCall, findPeers } from "./use-guards.ts";
import { randomIdOfSend } from "../conversation/outbox/random-id.ts";

const historyByDefault = 20;

type HolderCommands = Handlers<AccountProtocol, "invoke" | "send" | "history", [account: Account]>;

/** `invoke`, `send` and `history`: others use an account through its holder. */
export function createHolderCommands(peers: StoredPeers): HolderCommands {
  const peersOf = (account: Account, client: TelegramClient, name: string) =>
    findPeers(client, name, (userId) => peers.accessHash(account.name, userId));

  return {
    async invoke(account, body, { role }) {
      const method = textIn(body, "method", textMissing);
      const given = body.params ?? {};
      if (typeof given !== "object" || given === null || Array.isArray(given)) {
        throw malformed("params", '{"limit": 10}');
      }
      const params = given as JsonObject;
      const { sends } = checkRawCall({ method, role, params });
      checkPeers(params);
      const result = await told(account, () =>
        account.use((client) => client.invoke(method, params), { sends }),
      );
      return { ok: true, result: withoutServiceTexts(result) };
    },
    async send(account, body) {
      const [to, message, key] = (["peer", "text", "key"] as const).map((name) =>
        textIn(body, name, textMissing),
      );
      return told(account, () =>
        account.use(async (client) => {
          const found = await peersOf(account, client, to!);
          const randomId = randomIdOfSend(account.name, found[0].userId, key!);
          try {
            const { messageId } = await underOneOf(found, (peer) =>
              client.send({ peer, text: message!, randomId }),
            );
            return { ok: true, messageId, repeated: false };
          } catch (error) {
            const isRepeated =
              error instanceof TelegramError && error.fault.code === "RANDOM_ID_DUPLICATE";
            if (!isRepeated) throw error;
            return { ok: true, messageId: null, repeated: true };
          }
        }),
      );
    },
    async history(account, body) {
      const name = textIn(body, "peer", textMissing);
      const limit = numberIn(body, "limit") ?? historyByDefault;
      const beforeId = numberIn(body, "before");
      const range = beforeId === null ? { limit } : { limit, beforeId };
      const messages = await told(account, () =>
        account.use(
          async (client) =>
            underOneOf(await peersOf(account, client, name), (peer) => client.history(peer, range)),
          { sends: false },
        ),
      );
      const page = firstThatFit(messages);
      return { ok: true, messages: page, more: page.at(-1)?.messageId ?? null };
    },
  };
}

const textMissing = (field: string) => malformed(field, `{"${field}": "…"}`);

function malformed(field: string, example: string): HoldfastError {
  return new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The command needs "${field}"; nothing was sent.`,
    next: `Send JSON such as ${example}.`,
  });
}
