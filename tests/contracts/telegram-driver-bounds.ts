import { monitorEventLoopDelay } from "node:perf_hooks";
import { createHash, createPublicKey, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type EvilTelegram, resPqFrame, startEvilTelegram } from "../fixtures/evil-telegram.ts";
import { createTelegramBench, dialTcp, type MakeDriver } from "../fixtures/telegram-bench.ts";

/** A prime number of 64 bits: the searches of both libraries never end for it. */
const prime = Buffer.from("ffffffffffffffc5", "hex");
const stallMsMax = 400;

/** What a proxy, or anybody on the way, may send before a key is there. Each wire is refused, and the next works. */
export function specifyBounds(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  const answers: readonly [string, "flood" | Uint8Array][] = [
    ["a pq of 32 bytes", Buffer.concat([Buffer.of(0x7f), randomBytes(30), Buffer.of(0xfb)])],
    ["a pq that is a prime number", prime],
    ["a pq of 1", Buffer.of(1)],
    ["a pq without digits", Buffer.alloc(0)],
    ["a frame of two gigabytes", "flood"],
  ];

  describe("a liar on the way", () => {
    it("is not dialled again and again without a pause", async () => {
      const dc = await bench.startDc();
      const evil = await startEvilTelegram("flood");
      const dialled = Promise.withResolvers<void>();
      const begunMs = performance.now();
      const { client } = bench.open(dc, {
        dial: (n) => {
          if (n === 4) dialled.resolve();
          return dialTcp(evil);
        },
      });
      const connecting = client.connect().catch(() => undefined);
      await dialled.promise;
      // 250, 500 and 750 ms.
      expect(performance.now() - begunMs).toBeGreaterThan(1_000);
      await client.close();
      await connecting;
    });

    it.each(answers)("stalls nothing with %s, and the next wire works", async (_what, answer) => {
      const dc = await bench.startDc();
      // The first exchange loads what it needs.
      await bench.open(dc).client.connect();
      const fingerprint = fingerprintOf(dc.rsaPublicKeyPem);
      const evil: EvilTelegram = await startEvilTelegram(
        answer === "flood" ? answer : (nonce) => resPqFrame(nonce, answer, fingerprint),
      );
      const delay = monitorEventLoopDelay({ resolution: 5 });
      const { client } = bench.open(dc, {
        dial: (n, dialDc) => {
          if (n === 1) delay.enable();
          else delay.disable();
          return n === 1 ? dialTcp(evil) : dialDc();
        },
      });
      await client.connect();
      expect(evil.wires).toBe(1);
      expect(evil.bytesTaken).toBeLessThan(20 * 1024 * 1024);
      expect(delay.max / 1e6).toBeLessThan(stallMsMax);
    });
  });
}

/** https://core.telegram.org/mtproto/auth_key#dh-exchange-initiation */
function fingerprintOf(pem: string): bigint {
  const { n = "", e = "" } = createPublicKey(pem).export({ format: "jwk" });
  const [modulus, exponent] = [Buffer.from(n, "base64url"), Buffer.from(e, "base64url")];
  const head = Buffer.of(254, modulus.length & 255, modulus.length >> 8, 0);
  const encoded = Buffer.concat([head, modulus, Buffer.of(exponent.length), exponent]);
  const padded = Buffer.concat([encoded, Buffer.alloc((4 - (encoded.length % 4)) % 4)]);
  return createHash("sha1").update(padded).digest().readBigInt64LE(12);
}
