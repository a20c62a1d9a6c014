import { readFileSync } from "node:fs";

/** The entries of a file of this folder: what is typed, and its right value. */
export const corpus = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8"));
