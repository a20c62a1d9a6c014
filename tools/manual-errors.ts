import { fileURLToPath } from "node:url";
import { type CodeKind, type ErrorCode, errorCodes } from "./error-codes.ts";
import { trackedFiles } from "./tracked-files.ts";

const headings: Readonly<Record<CodeKind, string>> = {
  error: "Which errors end a command, a start or a request?",
  fault: "How does a call to the outside fail?",
  note: "Which notes stand in the events, the log and `holdfast_notes_total`?",
  reason: "Which reasons do a state and a notice give?",
};

const cell = (texts: readonly string[]): string =>
  texts
    .map((text) => text.trim().replaceAll(/\s+/g, " ").replaceAll("|", "\\|"))
    .map((text) => text.replaceAll("<", "&lt;"))
    .join("<br>");

function rowOf({ code, messages, nexts, files }: ErrorCode): string {
  const where = files.map((file) => `\`${file}\``).join("<br>");
  return `| \`${code}\` | ${cell(messages)} | ${cell(nexts)} | ${where} |`;
}

/** The tables of docs/errors.md, one for each kind of code. */
export function errorTables(): string {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const codes = errorCodes(root, trackedFiles(root));
  return (["error", "fault", "note", "reason"] as const)
    .map((kind) => {
      const rows = codes.filter((one) => one.kind === kind).map(rowOf);
      return [
        `## ${headings[kind]}`,
        "| code | what it says | what to do next | where it is made |",
        "|---|---|---|---|",
        ...rows,
      ].join("\n");
    })
    .join("\n\n");
}
