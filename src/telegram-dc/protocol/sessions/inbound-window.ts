import type { Receipt } from "./messages.ts";

/** The verdict on a message: to handle, a repetition, or a bad_msg_notification code. */
type Verdict = "new" | { readonly duplicateOf: Receipt } | { readonly errorCode: number };

/** The client's recent messages, for duplicates, order and state requests. */
export interface InboundWindow {
  judge(messageId: bigint, sequence: number): Verdict;
  take(messageId: bigint, sequence: number, isCall: boolean): Receipt;
  find(messageId: bigint): Receipt | undefined;
  /** The state byte of core.telegram.org/mtproto/service_messages_about_messages. */
  stateByte(messageId: bigint): number;
}

const receiptsMax = 4_096;
const sequenceTooLow = 32;
const sequenceTooHigh = 33;
const tooOldToTell = 20;

/** An empty window; it remembers the last 4,096 messages. */
export function createInboundWindow(): InboundWindow {
  const receipts = new Map<bigint, Receipt>();
  let highestId = 0n;
  let highestSequence = -1;
  /** Every message up to this one is forgotten. */
  let forgottenUpTo = 0n;

  function judgeOrder(messageId: bigint, sequence: number): Verdict {
    if (messageId > highestId) {
      return isOrderBroken(highestSequence, sequence) ? { errorCode: sequenceTooLow } : "new";
    }
    for (const other of receipts.values()) {
      if (other.messageId < messageId && isOrderBroken(other.sequence, sequence)) {
        return { errorCode: sequenceTooLow };
      }
      if (other.messageId > messageId && isOrderBroken(sequence, other.sequence)) {
        return { errorCode: sequenceTooHigh };
      }
    }
    return "new";
  }

  return {
    judge(messageId, sequence) {
      const known = receipts.get(messageId);
      if (known !== undefined) return { duplicateOf: known };
      if (messageId <= forgottenUpTo) return { errorCode: tooOldToTell };
      return judgeOrder(messageId, sequence);
    },
    take(messageId, sequence, isCall) {
      const receipt: Receipt = {
        messageId,
        sequence,
        isCall,
        state: "taken",
        isDropped: false,
        answer: undefined,
        onEnd: [],
      };
      receipts.set(messageId, receipt);
      if (messageId > highestId) highestId = messageId;
      if (sequence > highestSequence) highestSequence = sequence;
      if (receipts.size > receiptsMax) {
        const oldest = receipts.keys().next();
        if (oldest.done !== true) {
          receipts.delete(oldest.value);
          if (oldest.value > forgottenUpTo) forgottenUpTo = oldest.value;
        }
      }
      return receipt;
    },
    find: (messageId) => receipts.get(messageId),
    stateByte(messageId) {
      const receipt = receipts.get(messageId);
      if (receipt === undefined)
        return messageId > highestId ? 3 : messageId <= forgottenUpTo ? 1 : 2;
      const isAnswered = receipt.state === "succeeded" || receipt.state === "failed";
      return 4 | (receipt.isCall ? 8 | 32 : 16) | (isAnswered ? 64 : 0);
    },
  };
}

function isOrderBroken(earlier: number, later: number): boolean {
  return earlier > later || (earlier === later && earlier % 2 === 1);
}
