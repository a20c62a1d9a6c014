import type { MenuChoice } from "../../ports/conversation/conversation-store.ts";
import { type MenuStyle, renderText } from "./menu.ts";

/** One message of a chat, in UTF-16 units (https://core.telegram.org/method/messages.sendMessage). */
export const replyUnitsMax = 4096;

/** A part that ends earlier than here for the sake of a better place would be too short. */
const shortest = 0.5;

/** Places to part a text, the best first: each matches what stands between two parts. */
const seams: readonly RegExp[] = [/\n[ \t]*\n\s*/g, /\n\s*/g, /(?<=[.!?…][)"'»”’]*)\s+/gu, /\s+/g];

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * A reply in parts that each fit into a message: parted between paragraphs, else lines, sentences, words or characters.
 * Its menu goes with the last part; `null`: the menu's lines leave no room for any text.
 */
export function partsOf(
  body: string,
  menu: readonly MenuChoice[] | null,
  style: MenuStyle,
): readonly string[] | null {
  if (renderText(body, menu, style).length <= replyUnitsMax) return [body];
  const lastMax = replyUnitsMax - renderText("", menu, style).length;
  if (lastMax <= 0) return null;
  const parts: string[] = [];
  let left = body.trim();
  while (left.length > lastMax) {
    // What fits into a message, but not with the menu, is parted before its end.
    const most = left.length > replyUnitsMax ? replyUnitsMax : Math.max(1, left.length - 1);
    const { end, next } = seamIn(left, most);
    parts.push(left.slice(0, end));
    left = left.slice(next).trimStart();
  }
  return left === "" ? parts : [...parts, left];
}

/** Where the first part ends and the next begins. */
function seamIn(text: string, most: number): { readonly end: number; readonly next: number } {
  for (const seam of seams) {
    let found: { readonly end: number; readonly next: number } | null = null;
    for (const match of text.matchAll(seam)) {
      if (match.index > most) break;
      const next = match.index + match[0].length;
      if (match.index > 0 && next < text.length) found = { end: match.index, next };
    }
    if (found !== null && found.end >= most * shortest) return found;
  }
  const end = graphemesIn(text, most);
  return { end, next: end };
}

/** As many units as whole graphemes take, at most so many; of one that is longer, whole characters. */
function graphemesIn(text: string, most: number): number {
  // A grapheme that reaches beyond is told by what stands behind the bound.
  let end = 0;
  for (const { index, segment } of graphemes.segment(text.slice(0, most + graphemeUnitsMax))) {
    if (index + segment.length > most) break;
    end = index + segment.length;
  }
  if (end > 0) return end;
  const isHigh = /[\uD800-\uDBFF]/.test(text[most - 1] ?? "");
  return isHigh && most > 1 ? most - 1 : most;
}

/** Beyond what any script needs; longer ones are made to be long. */
const graphemeUnitsMax = 64;
