import { HoldfastError } from "../errors.ts";

/**
 * One line of standard input: secrets never stand on a command line, where other users see them. Throws
 * NOTHING_GIVEN.
 */
export async function readSecret(): Promise<string> {
  process.stdin.setEncoding("utf8");
  let text = "";
  for await (const chunk of process.stdin) {
    text += chunk as string;
    if (text.includes("\n")) break;
  }
  const [line = ""] = text.trim().split("\n");
  if (line !== "") return line;
  throw new HoldfastError({
    code: "NOTHING_GIVEN",
    message: "Standard input is empty.",
    next: "Pipe the value in, or type it and press Enter.",
  });
}
