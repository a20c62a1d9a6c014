/** The few parts of ASN.1 DER that encode a Diffie–Hellman key. */
export const tagBits = 0x03;
export const tagOctets = 0x04;
export const tagSequence = 0x30;
const tagInteger = 0x02;
const tagObjectId = 0x06;

/** A tagged element around its content, up to 65,535 bytes. */
export function derElement(tag: number, content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

/** A positive INTEGER from its big-endian bytes. */
export function derInteger(value: Uint8Array): Buffer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const minimal = value.subarray(start);
  const signByte = ((minimal[0] ?? 0) & 0x80) === 0 ? [] : [0];
  return derElement(tagInteger, [Buffer.from(signByte), minimal]);
}

/** An OBJECT IDENTIFIER from its encoded bytes in hex. */
export function derObjectId(hex: string): Buffer {
  return derElement(tagObjectId, [Buffer.from(hex, "hex")]);
}
