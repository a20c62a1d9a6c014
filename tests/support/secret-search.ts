/** Where a secret was found, and in which form. */
export interface Find {
  readonly place: string;
  readonly form: "raw" | "hex" | "base64";
}

/**
 * Looks for a secret as it is, in hexadecimal, and in base64 wherever in the text it begins. A short one counts only
 * as a word of its own: five digits stand by chance in many numbers.
 */
export function findSecret(
  secret: Uint8Array,
  places: Readonly<Record<string, Uint8Array>>,
): readonly Find[] {
  const bytes = Buffer.from(secret);
  const isWord = bytes.length < 8;
  const hex = bytes.toString("hex");
  return Object.entries(places).flatMap(([place, content]) => {
    const hay = Buffer.from(content);
    const text = hay.toString("latin1");
    const raw = isWord ? hasWord(text, bytes.toString("latin1")) : hay.includes(bytes);
    const inHex = text.toLowerCase().includes(hex);
    const inBase64 = base64Forms(bytes).some((form) => text.includes(form));
    return [
      ...(raw ? [{ place, form: "raw" } as const] : []),
      ...(inHex ? [{ place, form: "hex" } as const] : []),
      ...(inBase64 ? [{ place, form: "base64" } as const] : []),
    ];
  });
}

const hasWord = (text: string, word: string): boolean =>
  new RegExp(`(?<![\\w.:+-])${word}(?![\\w:+-]|\\.\\d)`).test(text);

/** The characters that the secret makes at each of the three places where it may begin, in both alphabets. */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor(((before + bytes.length) * 8) / 6);
    const form = whole.slice(from, to);
    return [form, form.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
