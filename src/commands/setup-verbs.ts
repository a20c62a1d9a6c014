import type { AccountProtocol, Fields, Handlers, Reply } from "./protocol.ts";
import { HoldfastError } from "../errors.ts";
import { readAddress } from "../inputs/address.ts";
import { readPhoneNumber } from "../inputs/phone-number.ts";
import type { AccountStores, Credentials } from "../ports/accounts/account-store.ts";
import type { TelegramDrivers } from "../ports/telegram/telegram.ts";
import { botTokenIn } from "./bot-token.ts";
import { numberIn, textIn } from "./fields.ts";
import { driverNamed } from "./fleet-verbs.ts";

export interface AdditionOptions {
  readonly accounts: AccountStores;
  readonly drivers: Pick<TelegramDrivers, "requireInstalled">;
  /** The stored form of another program's key in that data centre. Throws KEY_MALFORMED. */
  makeSession(
    dcId: number,
    key: Uint8Array,
  ): { readonly keyId: string; readonly bytes: Uint8Array };
  /** Throws where this host cannot load that bot. */
  checkBot(chosen: string): Promise<void>;
  /** Tells every node that accounts were added, or are wanted otherwise. */
  tellAdded(): void;
  /** Looks for accounts that belong here. */
  adopt(): Promise<void>;
}

type Verbs<Name extends keyof AccountProtocol> = Handlers<AccountProtocol, Name, [account: string]>;

/** The verbs that need no running account. */
export interface Additions {
  /** Makes an account. */
  readonly newcomers: Verbs<"add" | "import">;
  /** Changes the stored settings of one account. */
  readonly settings: Verbs<"proxy" | "password" | "token" | "bot">;
  /** Of an account that a person had stopped. */
  start(name: string): Promise<Reply<AccountProtocol["resume"]["answered"]>>;
}

export function createAdditions({
  accounts,
  drivers,
  makeSession,
  checkBot,
  tellAdded,
  adopt,
}: AdditionOptions): Additions {
  async function taken(name: string): Promise<Reply<{ readonly account: string }>> {
    tellAdded();
    await adopt();
    return { ok: true, account: name };
  }

  const choices = (body: Fields<AccountProtocol["add"]["asked"]>) => ({
    ...(body.driver === undefined ? {} : { driver: driverNamed(body.driver, drivers) }),
    ...(body.device === undefined ? {} : { deviceModel: textIn(body, "device") }),
    ...(body.proxy === undefined ? {} : { proxy: proxyIn(body) }),
  });

  return {
    newcomers: {
      async add(name, body) {
        const credentials = credentialsIn(body);
        await accounts.add({ name, kind: credentials.kind, credentials, ...choices(body) });
        return taken(name);
      },
      async import(name, body) {
        if (body.stopped !== true) throw notConfirmed(name);
        const key = Buffer.from(textIn(body, "key"), "base64");
        const session = makeSession(numberIn(body, "dcId") ?? 0, key);
        const origin = body.keep === true ? "kept" : "imported";
        await accounts.importSession({ name, session, origin, ...choices(body) });
        return taken(name);
      },
    },
    settings: {
      async proxy(name, body) {
        await accounts.chooseProxy(name, body.proxy === null ? null : proxyIn(body));
        return { ok: true, account: name };
      },
      async token(name, body) {
        await accounts.replaceToken(name, botTokenIn(textIn(body, "botToken")));
        return { ok: true, account: name };
      },
      async password(name, body) {
        const password = body.password === null ? null : textIn(body, "password");
        await accounts.keepPassword(name, password);
        return { ok: true, account: name };
      },
      async bot(name, body) {
        const bot = textIn(body, "bot");
        await checkBot(bot);
        await accounts.chooseBot(name, bot);
        return { ...(await taken(name)), bot };
      },
    },
    async start(name) {
      await accounts.want(name, "serve");
      return { ...(await taken(name)), state: "seeking" };
    },
  };
}

/** Throws PROXY_MALFORMED. The address may carry a password and is not repeated. */
function proxyIn(body: Fields<AccountProtocol["proxy"]["asked"]>): string {
  const text = textIn(body, "proxy");
  const read = readAddress(text, "proxy");
  if ("value" in read) return read.value.text;
  throw new HoldfastError({
    code: "PROXY_MALFORMED",
    message: `The proxy's address ${read.why}; nothing was changed.`,
    next: "Give it as socks5://user:password@host:port, socks4://host:port or http://host:port.",
  });
}

function credentialsIn(body: Fields<AccountProtocol["add"]["asked"]>): Credentials {
  if (typeof body.botToken === "string") return { kind: "bot", token: botTokenIn(body.botToken) };
  const read = readPhoneNumber(textIn(body, "phone"));
  if ("value" in read) return { kind: "user", phone: read.value };
  throw new HoldfastError({
    code: "PHONE_MALFORMED",
    message: `The phone number ${read.why}; nothing was added.`,
    next: "Give it in international form, such as +33612345678.",
  });
}

const notConfirmed = (name: string) =>
  new HoldfastError({
    code: "IMPORT_NOT_CONFIRMED",
    message: `Whether the program that used the session of ${name} is stopped was not confirmed; nothing was imported.`,
    next: 'Two programs on one session end it for ever: stop the other one, then send "stopped": true.',
  });
