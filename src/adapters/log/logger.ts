import { type Logger, pino } from "pino";

/**
 * Structured logs on standard error. Secrets are never passed in; these redacted paths are the
 * safety net.
 */
export function createLogger(level: string, name: string): Logger {
  const redact = {
    paths: ["*.phone", "*.token", "*.password", "*.session"],
    censor: "[redacted]",
  };
  return pino({ level, name, base: { pid: process.pid }, redact }, pino.destination(2));
}
