import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  pbkdf2,
  randomFillSync,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { deflateSync } from "node:zlib";
import {
  BaseCryptoProvider,
  type IAesCtr,
  type ICryptoProvider,
  type IEncryptionScheme,
  addPublicKey,
} from "@mtcute/core/utils.js";
import { SIMD_AVAILABLE, ige256Decrypt, ige256Encrypt, initSync } from "@mtcute/wasm";
import { unpackGzip } from "./wire-bounds.ts";

/** More than chance ever needs; a prime number is answered all the same. */
const factorTriesMax = 100;

/** mtcute derives factorisation and random bytes from its base class, which is why this is a class. */
class NodeCrypto extends BaseCryptoProvider implements ICryptoProvider {
  initialize(): void {
    const file = SIMD_AVAILABLE ? "mtcute-simd.wasm" : "mtcute.wasm";
    initSync(readFileSync(createRequire(import.meta.url).resolve(`@mtcute/wasm/${file}`)));
  }

  sha1(data: Uint8Array): Uint8Array {
    return hash("sha1", data, "buffer");
  }

  sha256(data: Uint8Array): Uint8Array {
    return hash("sha256", data, "buffer");
  }

  hmacSha256(data: Uint8Array, key: Uint8Array): Uint8Array {
    return createHmac("sha256", key).update(data).digest();
  }

  pbkdf2(
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    keyBytes = 64,
    algorithm = "sha512",
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      pbkdf2(password, salt, iterations, keyBytes, algorithm, (error, key) => {
        if (error === null) resolve(key);
        else reject(error);
      });
    });
  }

  createAesCtr(key: Uint8Array, iv: Uint8Array, encrypt: boolean): IAesCtr {
    const algorithm = `aes-${key.length * 8}-ctr`;
    const cipher = encrypt
      ? createCipheriv(algorithm, key, iv)
      : createDecipheriv(algorithm, key, iv);
    return { process: (data) => cipher.update(data) };
  }

  createAesIge(key: Uint8Array, iv: Uint8Array): IEncryptionScheme {
    return {
      encrypt: (data) => ige256Encrypt(data, key, iv),
      decrypt: (data) => ige256Decrypt(data, key, iv),
    };
  }

  gzip(data: Uint8Array, maxSize: number): Uint8Array | null {
    try {
      return deflateSync(data, { maxOutputLength: maxSize });
    } catch (error) {
      // The library asks for null when packing does not pay.
      if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
        return null;
      }
      throw error;
    }
  }

  gunzip(data: Uint8Array): Uint8Array {
    return unpackGzip(data);
  }

  randomFill(buffer: Uint8Array): void {
    randomFillSync(buffer);
  }

  /**
   * For two primes of 31 bits, mtcute's search finds 1 × pq once in some 1,500 times. The other
   * side refuses that: a lost exchange (measured with 0.30.3).
   */
  override factorizePQ(pq: Uint8Array): [Uint8Array, Uint8Array] {
    for (let tries = 1; ; tries++) {
      const factors = super.factorizePQ(pq);
      if (!isOne(factors[0]) || tries === factorTriesMax) return factors;
    }
  }
}

const isOne = (bytes: Uint8Array): boolean => bytes.length === 1 && bytes[0] === 1;

/** mtcute's cryptography on node:crypto, with AES-IGE in WebAssembly, ready to use. */
export function createNodeCrypto(): ICryptoProvider {
  const crypto = new NodeCrypto();
  crypto.initialize();
  return crypto;
}

/**
 * Lets every mtcute client of this process accept a data centre's RSA key beside Telegram's own.
 * @param publicKeyPem PKCS#1 PEM.
 */
export function trustServerKey(crypto: ICryptoProvider, publicKeyPem: string): void {
  addPublicKey(crypto, publicKeyPem);
}
