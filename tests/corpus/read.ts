import { readFileSync } from "node:fs";

/** The entries of a file of this folder: what is typed, and its right value. */
export function corpus<Entry>(name: string): readonly Entry[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8")) as Entry[];
}
