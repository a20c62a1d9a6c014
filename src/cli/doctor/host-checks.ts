import { type Check, fault, ok, unknown } from "./check.ts";

/** As bin/node-floor.js, which refuses older ones before this is read, and the next that is recommended. */
const majorMin = 22;
const minorMin = 18;

export const nodeVersion = (version: string): Check => ({
  name: "node",
  async look() {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major > majorMin || (major === majorMin && minor >= minorMin)) return ok(`Node ${version}`);
    return fault(
      `Node ${version} is older than ${majorMin}.${minorMin}`,
      "Holdfast does not run on it",
      "Install Node 24",
    );
  },
});

interface HostTold {
  readonly host?: string;
  readonly hosts?: number;
  readonly version?: string;
  readonly sealing?: string;
}

function judgeHosts(told: readonly HostTold[], own: string) {
  if (told.length === 0) return unknown("no host answers", "npx holdfast start");
  const expected = Math.max(...told.map(({ hosts: count = 0 }) => count));
  if (told.length < expected)
    return unknown(`${told.length} of ${expected} hosts answer`, "npx holdfast doctor");
  const others = told.filter(({ version }) => version !== own);
  if (others.length > 0)
    return fault(
      `this is Holdfast ${own}, and ${others.map(({ host, version = "an older version" }) => `${host} has ${version}`).join(", ")}`,
      "versions are mixed during a rolling upgrade alone",
      "Bring every host to one version, one after the other",
    );
  if (new Set(told.map(({ sealing }) => sealing)).size > 1)
    return fault(
      "the hosts encrypt under different master keys",
      "a rotation of the key was not ended",
      "npx holdfast rotate-key",
    );
  return ok(`${told.length} hosts have Holdfast ${own}`);
}

/**
 * Hosts of one fleet run one version of Holdfast, and encrypt under one key.
 * @param ask the answers that come in time
 */
export const hosts = (ask: () => Promise<readonly HostTold[]>, own: string): Check => ({
  name: "hosts",
  look: async () => judgeHosts(await ask(), own),
});
