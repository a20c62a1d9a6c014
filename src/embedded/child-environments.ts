/** The programs that a start begins beside the gate and its node. */
type Child = "nats" | "postgres" | "sentinel" | "telegram-dc";

/** What each of them needs of the launcher's environment. Everything else stays away: keys, passwords, URLs. */
const needed: Readonly<Record<Child, readonly string[]>> = {
  nats: ["PATH"],
  postgres: ["PATH"],
  sentinel: ["PATH"],
  "telegram-dc": ["PATH", "TMPDIR", "NODE_ENV"],
};

/** The environment of a child. The gate's own is `gateEnvironment` in the launcher; it hands it on to its node. */
export function childEnvironment(
  child: Child,
  env: NodeJS.ProcessEnv,
  more: NodeJS.ProcessEnv = {},
): NodeJS.ProcessEnv {
  const kept = needed[child].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...more };
}
