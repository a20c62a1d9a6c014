import { HoldfastError } from "../../errors.ts";

export function accountExists(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_EXISTS",
    message: `There is an account "${name}" already; nothing was changed.`,
    next: `Look at it with: npx holdfast status ${name}`,
  });
}

export function accountUnknown(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}".`,
    next: "See the accounts with: npx holdfast status",
  });
}
