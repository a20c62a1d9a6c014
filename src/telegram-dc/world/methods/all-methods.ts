import type { RandomSource } from "../clock.ts";
import type { Logins } from "../login/logins.ts";
import type { WorldParts } from "../parts.ts";
import { createAccountMethods } from "./account.ts";
import { createCodeLoginMethods } from "./auth-code.ts";
import { createOtherLoginMethods } from "./auth-other.ts";
import { createPasswordMethods } from "./auth-password.ts";
import { createCallbackMethods } from "./callbacks.ts";
import { createHelpMethods, type DcAddress } from "./help.ts";
import { createFileMethods } from "./files.ts";
import { createReadingMethods } from "./messages-read.ts";
import { createSendingMethods } from "./messages-send.ts";
import type { Method } from "./method.ts";
import { createPeopleMethods } from "./people.ts";
import { createUpdatesMethods } from "./updates.ts";

export interface MethodsDeps extends WorldParts {
  readonly random: RandomSource;
  readonly logins: Logins;
  readonly address: () => DcAddress;
}

/** Every simulated method, by its name in the TL schema. */
export function createMethods(deps: MethodsDeps): ReadonlyMap<string, Method> {
  return new Map(
    [
      createHelpMethods(deps),
      createCodeLoginMethods(deps),
      createPasswordMethods(deps),
      createOtherLoginMethods(deps),
      createAccountMethods(deps),
      createPeopleMethods(deps),
      createSendingMethods(deps),
      createReadingMethods(deps),
      createFileMethods(deps),
      createCallbackMethods(deps),
      createUpdatesMethods(deps),
    ].flatMap((table) => Object.entries(table)),
  );
}
