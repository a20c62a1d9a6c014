import { connect } from "node:net";
import type { Endpoint } from "../ports/gate.ts";

/** Less than the second after which a lost first packet is sent again (RFC 6298): an answer is one to the first. */
const answerMsMax = 900;

/**
 * Whether the way to an endpoint is there: one connection that carries nothing, begun behind whatever was sent before
 * it. A reset is never acknowledged, so this is the only sign that one has arrived. Those who ask at once share it.
 */
export function createWayProbe(): (to: Endpoint) => Promise<boolean> {
  const next = new Map<string, Promise<boolean>>();

  return (to) => {
    const key = `${to.host}:${to.port}`;
    const probe =
      next.get(key) ??
      new Promise<boolean>((resolve) => {
        setImmediate(() => {
          next.delete(key);
          resolve(answers(to));
        });
      });
    next.set(key, probe);
    return probe;
  };
}

function answers({ host, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (found: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => end(false), answerMsMax);
    socket.once("connect", () => end(true));
    // A refusal has come back over the same way.
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED"));
  });
}
