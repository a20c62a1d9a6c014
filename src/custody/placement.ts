import { hashText } from "../ports/text-hash.ts";

/**
 * Rendezvous hashing: the host on which something belongs, null when there is none. Of n hosts, one that joins or
 * leaves moves only 1/n. Idea: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998.
 */
export function placeOf(name: string, hosts: readonly string[]): string | null {
  let best: string | null = null;
  let bestScore = -1;
  for (const host of hosts) {
    const score = hashText(`${host}\n${name}`);
    if (score > bestScore || (score === bestScore && best !== null && host < best)) {
      best = host;
      bestScore = score;
    }
  }
  return best;
}
