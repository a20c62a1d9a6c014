import type { AuthKeys } from "./auth-keys.ts";
import type { Callbacks } from "./callbacks.ts";
import type { Clock } from "./clock.ts";
import type { WorldConfig } from "./config.ts";
import type { Faults } from "./faults.ts";
import type { Files } from "./files.ts";
import type { LedgerWriter } from "./ledger/ledger.ts";
import type { LoginCodes } from "./login/login-codes.ts";
import type { LoginTokens } from "./login/login-tokens.ts";
import type { Post } from "./post.ts";
import type { Pushes } from "./pushes.ts";
import type { Topic } from "./topic.ts";
import type { Users } from "./users.ts";

/** The parts of the world, for the phone, for readers of the ledger and for the state file. */
export interface WorldParts {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly post: Post;
  readonly pushes: Pushes;
  readonly callbacks: Callbacks;
  readonly codes: LoginCodes;
  readonly loginTokens: LoginTokens;
  readonly ledger: LedgerWriter;
  readonly faults: Faults;
  readonly files: Files;
  /** Reports a possible change of the stored state. */
  readonly changed: Topic<void>;
}
