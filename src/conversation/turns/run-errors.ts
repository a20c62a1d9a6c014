import { HoldfastError } from "../../errors.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";

/** Its messages wait aside until it is there. */
export const unknownAccount = (account: string) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `A message arrived for the account ${account}, which is none of this fleet's.`,
    next: "Add the account, then: npx holdfast conversation replay --all --reason ACCOUNT_UNKNOWN",
  });

/** A step's statement was waiting for the database. */
export const stopping = ({ inboundId }: InboundItem) =>
  new HoldfastError({
    code: "TURN_GIVEN_BACK",
    message: `This host stops while the database is away; ${inboundId} is taken again by the next owner.`,
    next: "Nothing is to be done.",
    policy: "retryable",
  });
