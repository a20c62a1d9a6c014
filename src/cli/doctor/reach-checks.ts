import { connect } from "node:net";
import { readAddress } from "../../inputs/address.ts";
import { type Check, fault, ok } from "./check.ts";

export interface Place {
  /** For a person. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Telegram's own data centres, as `help.getConfig` lists them. */
export const telegramPlaces: readonly Place[] = [
  { name: "DC 1", host: "149.154.175.53", port: 443 },
  { name: "DC 2", host: "149.154.167.51", port: 443 },
  { name: "DC 3", host: "149.154.175.100", port: 443 },
  { name: "DC 4", host: "149.154.167.91", port: 443 },
  { name: "DC 5", host: "91.108.56.130", port: 443 },
];

/** null when a connection opened, else why not. At most so long. */
function reach({ host, port }: Place, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (why: string | null) => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(timeoutMs, () => end(`no answer within ${timeoutMs / 1000} s`));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once("connect", () => end(null));
  });
}

const reachMsMax = 3000;

async function unreached(places: readonly Place[]): Promise<readonly string[]> {
  const whys = await Promise.all(places.map((one) => reach(one, reachMsMax)));
  return places.flatMap(({ name, host, port }, n) => {
    const why = whys[n];
    return why === null ? [] : `${name} at ${host}:${port} (${why})`;
  });
}

export const dataCentres = (places: () => Promise<readonly Place[]>): Check => ({
  name: "telegram",
  async look() {
    const asked = await places();
    const away = await unreached(asked);
    if (asked.length === 0) return ok("the simulated Telegram does not run now");
    if (away.length === 0) return ok(`${asked.length} data centres are reached from here`);
    return fault(
      `not reached from here: ${away.join(", ")}`,
      "accounts without a proxy cannot connect",
      "Let this machine out to these addresses, or name a proxy: npx holdfast proxy <account>",
    );
  },
});

/** So many proxies are tried; a fleet has fewer. */
const proxiesMax = 200;

/** @param proxies of each account that has one, its address */
export const proxies = (
  read: () => Promise<readonly { readonly account: string; readonly url: string }[]>,
): Check => ({
  name: "proxies",
  async look() {
    const all = await read();
    const places = all.slice(0, proxiesMax).flatMap(({ account, url }) => {
      const reading = readAddress(url, "proxy");
      if ("why" in reading) return [];
      const { host, port } = reading.value;
      return [{ name: account, host, port }];
    });
    const away = await unreached(places);
    if (away.length === 0)
      return ok(all.length === 0 ? "no account has one" : `${places.length} are reached from here`);
    const [first = ""] = away.map((one) => one.split(" ")[0]);
    return fault(
      `not reached from here: the proxy of ${away.join(", ")}`,
      "these accounts connect through them alone",
      `npx holdfast proxy ${first}`,
    );
  },
});
