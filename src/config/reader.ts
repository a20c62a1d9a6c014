import type { Fault } from "./faults.ts";
import type { Reading } from "./values.ts";

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads variables one by one and collects their faults. An empty value counts as unset. */
export function reader(env: Environment) {
  const faults: Fault[] = [];
  const text = (name: string): string | null => env[name] || null;
  const read = <Value>(name: string, how: (text: string) => Reading<Value>): Value | null => {
    const given = text(name);
    if (given === null) return null;
    const reading = how(given);
    if ("value" in reading) return reading.value;
    faults.push({ variable: name, ...reading.fault });
    return null;
  };
  return { faults, text, read };
}

export type Reader = ReturnType<typeof reader>;
