import { describe, expect, it } from "vitest";
import { endedText, fencedText, letGoText } from "../../src/custody/signed-statements.ts";
import { createTrustedBus } from "../../src/custody/trusted-bus.ts";
import type { FleetNews } from "../../src/ports/custody/fleet-bus.ts";
import { createSimSignatures } from "../../src/proof/simulation/sim-signatures.ts";

const grant = { account: "site-bot", slot: 1, epoch: 7 };

/** A bus on which anybody says anything, and custody's ear on it. */
function scene(answer: (sign: (text: string) => string) => string | null = () => null) {
  const signatures = createSimSignatures();
  const holder = signatures.signerOf("holder");
  const liar = signatures.signerOf("liar");
  const heard: string[] = [];
  let say = (_news: FleetNews) => {};
  const bus = createTrustedBus({
    bus: {
      tell: () => {},
      onNews(listener) {
        say = listener;
        return () => {};
      },
      fence: async () => answer(liar.sign),
    },
    signatures,
    onUnproven: ({ kind, incarnation }) => heard.push(`unproven ${kind} of ${incarnation}`),
  });
  bus.onNews(({ type }) => heard.push(type));
  return { bus, holder, liar, heard, say: (news: FleetNews) => say(news) };
}

describe("the bus as custody hears it", () => {
  const letGo = { type: "let-go", incarnation: "holder", grants: [grant] } as const;
  const ended = { type: "ended", incarnation: "holder", host: "h1" } as const;

  it("passes on what the incarnation that it binds has signed", () => {
    const { holder, heard, say } = scene();
    say({ ...letGo, signature: holder.sign(letGoText(letGo)) });
    say({ ...ended, signature: holder.sign(endedText(ended)) });
    expect(heard).toEqual(["let-go", "ended"]);
  });

  it("passes on no let-go and no end that another, or nobody, has signed", () => {
    const { liar, heard, say } = scene();
    say(letGo);
    say({ ...letGo, signature: liar.sign(letGoText(letGo)) });
    say({ ...ended, signature: liar.sign(endedText(ended)) });
    expect(heard).toEqual([
      "unproven let-go of holder",
      "unproven let-go of holder",
      "unproven ended of holder",
    ]);
  });

  it("passes on no signature for other grants, another host or another kind", () => {
    const { holder, heard, say } = scene();
    const signature = holder.sign(letGoText(letGo));
    say({ ...letGo, grants: [{ ...grant, epoch: 8 }], signature });
    say({ ...ended, host: "h2", signature: holder.sign(endedText(ended)) });
    say({ ...ended, signature });
    expect(heard).toEqual([
      "unproven let-go of holder",
      "unproven ended of holder",
      "unproven ended of holder",
    ]);
  });

  it("believes no fence that another has answered", async () => {
    const request = { type: "token", grant } as const;
    const { bus, heard } = scene((sign) => sign(fencedText("holder", request)));
    expect(await bus.fence("holder", request)).toBe(false);
    expect(await bus.fence("liar", request)).toBe(false);
    expect(heard).toEqual(["unproven fenced of holder", "unproven fenced of liar"]);
  });
});
