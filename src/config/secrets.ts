/** Variables that hold a secret, or may. */
const secretVariables = [
  "HOLDFAST_MASTER_KEY",
  "HOLDFAST_DATABASE_URL",
  "HOLDFAST_NATS_URL",
  "HOLDFAST_TELEGRAM_API_HASH",
  "HOLDFAST_WEBHOOK_SECRET",
  "HOLDFAST_WEBHOOK_MEDIA_AUTH",
  "HOLDFAST_NOTIFY_WEBHOOK",
] as const;

/**
 * Takes the environment of this process, and leaves it without secrets: what is loaded later, a bot or a child process,
 * finds none there.
 */
export function takeEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const taken = { ...env };
  for (const name of secretVariables) delete env[name];
  return taken;
}
