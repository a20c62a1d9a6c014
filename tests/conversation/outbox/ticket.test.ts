import { describe, expect, it } from "vitest";
import { createReplyDesk, type GrantedTicket } from "../../../src/conversation/outbox/ticket.ts";

const source = { channel: "telegram", account: "site-bot", chatUser: "1" } as const;

const ticketOf = (epoch: number): GrantedTicket => ({
  grant: { account: source.account, slot: 1, epoch },
  hand: () => {},
  lose: () => {},
});

describe("the desk where turns find their senders", () => {
  it("has no ticket where no sender has left an offer", () => {
    expect(createReplyDesk().ask(source)).toBeNull();
  });

  it("answers what the sender offers at that moment, also that it offers nothing now", () => {
    const desk = createReplyDesk();
    let offered: GrantedTicket | null = ticketOf(1);
    desk.leave(source, () => offered);
    expect(desk.ask(source)).toBe(offered);
    offered = null;
    expect(desk.ask(source)).toBeNull();
  });

  it("keeps the offers of accounts and of channels apart", () => {
    const desk = createReplyDesk();
    desk.leave(source, () => ticketOf(1));
    expect(desk.ask({ ...source, account: "other" })).toBeNull();
    const elsewhere = { ...source, channel: "webhook" } as const;
    expect(desk.ask(elsewhere)).toBeNull();
    desk.leave(elsewhere, () => ticketOf(2));
    expect([desk.ask(source), desk.ask(elsewhere)].map((found) => found?.grant.epoch)).toEqual([
      1, 2,
    ]);
  });

  it("has none of a sender that took its offer back", () => {
    const desk = createReplyDesk();
    const takeBack = desk.leave(source, () => ticketOf(1));
    takeBack();
    expect(desk.ask(source)).toBeNull();
  });

  it("keeps a successor's offer when an earlier sender takes back its own", () => {
    const desk = createReplyDesk();
    const takeBack = desk.leave(source, () => ticketOf(1));
    desk.leave(source, () => ticketOf(2));
    takeBack();
    expect(desk.ask(source)?.grant.epoch).toBe(2);
  });
});
