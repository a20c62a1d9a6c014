import type { AccountProtocol, Handlers } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import { TelegramError } from "../ports/telegram/telegram-error.ts";
import type { JsonObject } from "../ports/telegram/telegram.ts";
import type { Account } from "../accounts/account.ts";
import { textIn } from "./fields.ts";
import { withoutServiceTexts } from "../ports/telegram/service-account.ts";
import { checkPeers, checkRawCall, findPeer } from "./use-guards.ts";
import { randomIdOfSend } from "../conversation/outbox/random-id.ts";

const historyMax = 100;

/** `invoke`, `send` and `history`: others use an account through its holder. */
export const holderCommands: Handlers<
  AccountProtocol,
  "invoke" | "send" | "history",
  [account: Account]
> = {
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
        const peer = await findPeer(client, to!);
        const randomId = randomIdOfSend(account.name, peer.userId, key!);
        try {
          const { messageId } = await client.send({ peer, text: message!, randomId });
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
    const limit = Number(body.limit ?? 20);
    if (!Number.isInteger(limit) || limit < 1 || limit > historyMax) {
      throw malformed("limit", `{"limit": 20}, at most ${historyMax}`);
    }
    const messages = await told(account, () =>
      account.use(async (client) => client.history(await findPeer(client, name), { limit }), {
        sends: false,
      }),
    );
    return { ok: true, messages };
  },
};

/** Telegram's refusals in words of this project; an unknown outcome is called so. */
async function told<Result>(account: Account, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TelegramError)) throw error;
    const { code, kind, message, waitSeconds } = error.fault;
    throw new HoldfastError({
      code,
      message:
        kind === "unknown"
          ? `It is not known whether Telegram did it (${code}: ${message}).`
          : `Telegram refused: ${code} (${message}).`,
      next:
        kind === "flood"
          ? `Wait ${waitSeconds ?? "some"} s, then try again.`
          : kind === "unknown"
            ? "Send the same again with the same --key: it is delivered at most once."
            : `Look at the account with: npx holdfast status ${account.name}`,
      policy: kind === "refused" ? "terminal" : "retryable",
      waitSeconds,
      cause: error,
    });
  }
}

const textMissing = (field: string) => malformed(field, `{"${field}": "…"}`);

function malformed(field: string, example: string): HoldfastError {
  return new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The command needs "${field}"; nothing was sent.`,
    next: `Send JSON such as ${example}.`,
  });
}
