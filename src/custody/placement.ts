/** Two rounds of a 32-bit mix over the text's UTF-16 units; the same on every host and version. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}

/**
 * Rendezvous hashing: the host on which something belongs, null when there is none. Of n hosts, one that joins or
 * leaves moves only 1/n. Idea: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998.
 */
export function placeOf(name: string, hosts: readonly string[]): string | null {
  let best: string | null = null;
  let bestScore = -1;
  for (const host of hosts) {
    const score = hash(`${host}\n${name}`);
    if (score > bestScore || (score === bestScore && best !== null && host < best)) {
      best = host;
      bestScore = score;
    }
  }
  return best;
}
