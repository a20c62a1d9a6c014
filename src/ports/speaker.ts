/**
 * A right to speak, the smallest first; each includes those before it. `read` asks, `send` writes to chats, `operate`
 * moves sessions and settings, `owner` does what can take an account away from its fleet.
 */
export const roles = ["read", "send", "operate", "owner"] as const;
export type Role = (typeof roles)[number];

/** The one who sent a command, as the broker and the database name them; never as the message says. */
export interface Speaker {
  readonly name: string;
  readonly role: Role;
  /** The public half of the key that the broker checked. */
  readonly key: string;
  /** The accounts that they may name. */
  readonly accounts: "all" | readonly string[];
}

/** True where `role` includes the right `needed`. */
export const includesRole = (role: Role, needed: Role): boolean =>
  roles.indexOf(role) >= roles.indexOf(needed);

/** True where the speaker may name that account. */
export const mayName = ({ accounts }: Pick<Speaker, "accounts">, account: string): boolean =>
  accounts === "all" || accounts.includes(account);
