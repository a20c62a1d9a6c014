import type { TlObject } from "../seam.ts";
import type { Mailbox, MailboxMessage, UpdateEntry } from "./model.ts";

/** An empty message box. pts starts at 1, because 0 means "unknown" in Telegram's API. */
export function createMailbox(): Mailbox {
  return {
    pts: 1,
    messageIdLast: 0,
    messages: new Map(),
    idByOrigin: new Map(),
    log: [],
    readInboxMaxId: new Map(),
    readOutboxMaxId: new Map(),
    heardFrom: new Set(),
    randomIds: new Map(),
  };
}

/** A message in its box, with the pts of its arrival. */
export interface Placed {
  readonly message: MailboxMessage;
  readonly pts: number;
}

/** Puts a new message in and writes it to the log; pts grows by one. */
export function appendMessage(
  mailbox: Mailbox,
  message: Omit<MailboxMessage, "id">,
  logMax: number,
): Placed {
  const kept: MailboxMessage = { ...message, id: ++mailbox.messageIdLast };
  mailbox.messages.set(kept.id, kept);
  if (!kept.isOutgoing) mailbox.heardFrom.add(kept.fromId);
  mailbox.idByOrigin.set(kept.originId, kept.id);
  mailbox.pts += 1;
  appendLog(
    mailbox,
    { pts: mailbox.pts, ptsCount: 1, messageId: kept.id, update: undefined },
    logMax,
  );
  return { message: kept, pts: mailbox.pts };
}

/**
 * Writes a change other than a new message to the log. pts grows by `ptsCount`; the update carries
 * it.
 */
export function appendUpdate(
  mailbox: Mailbox,
  update: TlObject,
  ptsCount: number,
  logMax: number,
): TlObject {
  mailbox.pts += ptsCount;
  const numbered: TlObject = { ...update, pts: mailbox.pts, pts_count: ptsCount };
  appendLog(
    mailbox,
    { pts: mailbox.pts, ptsCount, messageId: undefined, update: numbered },
    logMax,
  );
  return numbered;
}

/**
 * Bounded: a gap beyond the log's start gets differenceTooLong. Trimmed in strides, to stay cheap.
 */
function appendLog(mailbox: Mailbox, entry: UpdateEntry, logMax: number): void {
  mailbox.log.push(entry);
  if (mailbox.log.length > logMax * 2) mailbox.log.splice(0, mailbox.log.length - logMax);
}

/**
 * The entries after `pts`, oldest first; undefined when the log no longer reaches back that far.
 */
export function entriesAfter(mailbox: Mailbox, pts: number): UpdateEntry[] | undefined {
  const first = mailbox.log[0];
  if (first === undefined) return [];
  if (pts < first.pts - first.ptsCount) return undefined;
  let start = mailbox.log.length;
  while (start > 0 && (mailbox.log[start - 1]?.pts ?? 0) > pts) start -= 1;
  return mailbox.log.slice(start);
}

/** Messages of one chat, newest first. */
export function chatMessages(mailbox: Mailbox, peerId: bigint): MailboxMessage[] {
  const found: MailboxMessage[] = [];
  for (const message of mailbox.messages.values()) {
    if (message.peerId === peerId) found.push(message);
  }
  return found.toReversed();
}

/** Removes a message; false when there is none. */
export function removeMessage(mailbox: Mailbox, id: number): MailboxMessage | undefined {
  const message = mailbox.messages.get(id);
  if (message === undefined) return undefined;
  mailbox.messages.delete(id);
  mailbox.idByOrigin.delete(message.originId);
  return message;
}

/** Remembers a `random_id`; past the bound the oldest is forgotten. */
export function rememberRandomId(
  mailbox: Mailbox,
  key: string,
  messageId: number,
  countMax: number,
): void {
  mailbox.randomIds.set(key, messageId);
  if (mailbox.randomIds.size <= countMax) return;
  for (const oldest of mailbox.randomIds.keys()) {
    mailbox.randomIds.delete(oldest);
    return;
  }
}
