import { dial, type Way } from "./first-hop.ts";

/** Less than the second after which a lost first packet is sent again (RFC 6298): an answer is one to the first. */
const answerMsMax = 900;

/**
 * Whether a way is there: tries one empty connection behind everything sent before it. A reset is
 * never acknowledged, so this is the only sign of its arrival. Callers at the same time share one
 * probe.
 */
export function createWayProbe(): (way: Way) => Promise<boolean> {
  const next = new Map<string, Promise<boolean>>();

  return (way) => {
    const key = `${way.host}:${way.port}`;
    const probe =
      next.get(key) ??
      new Promise<boolean>((resolve) => {
        setImmediate(() => {
          next.delete(key);
          resolve(answers(way));
        });
      });
    next.set(key, probe);
    return probe;
  };
}

function answers(way: Way): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(way);
    const end = (found: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => end(false), answerMsMax);
    socket.once("connect", () => {
      way.goOn(socket).then(
        () => end(true),
        () => end(false),
      );
    });
    // A refusal has come back over the same way.
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED"));
  });
}
