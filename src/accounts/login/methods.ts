import type { AccountKind, LoginMethod, RenewalMethod } from "../../../machines/lifecycle.ts";
import { byBotToken } from "./by-bot-token.ts";
import { byReadCode, byTypedCode } from "./by-code.ts";
import { byHandoff } from "./by-handoff.ts";
import { byQr } from "./by-qr.ts";
import type { SignInParts } from "./sign-in-parts.ts";

type MethodName = LoginMethod | RenewalMethod;

/** One way to log a key in. */
interface Method<Name extends MethodName> {
  readonly fits: Name extends RenewalMethod ? AccountKind : AccountKind | "any";
  /** Who has to do something for it. */
  readonly needs: "nobody" | `a person ${string}`;
  /** For a person who chooses. */
  readonly how: string;
  /** Whether an account without a working key can be logged in by it. */
  readonly logsIn: Name extends LoginMethod ? true : false;
  /** Whether an account that serves can be moved to a fresh key by it. */
  readonly renews: Name extends RenewalMethod ? true : false;
  /** Whether the key comes logged in; only the command `import` chooses such a one, and nothing else names it. */
  readonly bringsKey: boolean;
  /** Telegram's method that it calls first, as TL name: while that rests, nothing is begun. null: it calls none. */
  readonly firstCall: string | null;
  /** Logs the client in, but for the 2FA password. Rejects with the reason. */
  signIn(parts: SignInParts): Promise<void>;
}

/**
 * Every method, in the order of offering; `auto` takes the first that fits. The names are those of
 * the lifecycle. A further method is a name there, a row here and its way to sign in.
 */
export const methods: { readonly [Name in MethodName]: Method<Name> } = {
  "auto-code": {
    fits: "user",
    needs: "nobody",
    how: "Telegram sends the code to the account's own sessions; the one that serves reads it",
    logsIn: false,
    renews: true,
    bringsKey: false,
    firstCall: "auth.sendCode",
    signIn: byReadCode,
  },
  code: {
    fits: "user",
    needs: "a person types the code",
    how: "however Telegram sends it",
    logsIn: true,
    renews: true,
    bringsKey: false,
    firstCall: "auth.sendCode",
    signIn: byTypedCode,
  },
  qr: {
    fits: "user",
    needs: "a person scans a QR code",
    how: "with a phone that is logged in",
    logsIn: true,
    renews: true,
    bringsKey: false,
    firstCall: "auth.exportLoginToken",
    signIn: byQr,
  },
  handoff: {
    fits: "user",
    needs: "nobody",
    how: "the session that serves accepts the new key's login token",
    logsIn: false,
    renews: true,
    bringsKey: false,
    firstCall: "auth.exportLoginToken",
    signIn: byHandoff,
  },
  "bot-token": {
    fits: "bot",
    needs: "nobody",
    how: "bots only",
    logsIn: true,
    renews: true,
    bringsKey: false,
    firstCall: "auth.importBotAuthorization",
    signIn: byBotToken,
  },
  import: {
    fits: "any",
    needs: "nobody",
    how: "the session of another program is logged in already",
    logsIn: true,
    renews: false,
    bringsKey: true,
    firstCall: null,
    signIn: () => Promise.resolve(),
  },
};

const names = Object.keys(methods) as readonly MethodName[];

/** By which an account without a working key is logged in. */
export const loginMethods: readonly LoginMethod[] = names.filter(
  (name): name is LoginMethod => methods[name].logsIn,
);

/** The methods that move a serving account to a fresh key. */
export const renewalMethods: readonly RenewalMethod[] = names.filter(
  (name): name is RenewalMethod => methods[name].renews,
);

/** The renewals that an account of this kind can take. */
export const renewalMethodsFor = (kind: AccountKind): readonly RenewalMethod[] =>
  renewalMethods.filter((name) => methods[name].fits === kind);

/** The login that `auto` stands for. */
export const loginByDefault = (kind: AccountKind): LoginMethod =>
  first(loginMethods.filter((name) => methods[name].fits === kind));

/** The renewal behind `auto`: it needs no person. */
export const renewalByDefault = (kind: AccountKind): RenewalMethod =>
  first(renewalMethodsFor(kind).filter((name) => methods[name].needs === "nobody"));

function first<Name>([name]: readonly Name[]): Name {
  if (name === undefined) throw new Error("no method of login fits this kind of account");
  return name;
}

/** A person's choices as help lists them: `code, qr, bot-token, or auto`. */
export const choicesOf = (among: readonly MethodName[]): string =>
  `${among.filter((name) => !methods[name].bringsKey).join(", ")}, or auto`;
