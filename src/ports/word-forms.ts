/** A shorter word stands by chance in many texts: to look for it would say nothing. */
const wordMin = 5;

const escaped = (text: string): string => text.replaceAll(/[^\p{L}\p{N}]/gu, String.raw`\$&`);

/** The characters that the bytes make in base64 at each of the three places where they may begin, in both alphabets. */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor(((before + bytes.length) * 8) / 6);
    const form = whole.slice(from, to);
    return [form, form.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/**
 * A word as it may stand in a text: as it is, and neither a part of a longer word nor of a longer number; in
 * hexadecimal; in base64, wherever it begins. For JavaScript and for PostgreSQL. null: it is too short to look for.
 */
export function wordPattern(word: string): string | null {
  if (word.length < wordMin) return null;
  const bytes = Buffer.from(word);
  const hex = bytes.toString("hex");
  const forms = [...new Set(base64Forms(bytes))].map(escaped);
  return `(?<![A-Za-z0-9])${escaped(word)}(?![A-Za-z0-9])|${hex}|${hex.toUpperCase()}|${forms.join("|")}`;
}
