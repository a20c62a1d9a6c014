import type { Command } from "commander";
import type { UndeliveredReply } from "../../ports/conversation/undelivered-replies.ts";
import { askFleet } from "../ask.ts";
import { print } from "../print.ts";

const { env } = process;

interface ListOptions {
  readonly limit: string;
  readonly before?: string;
  readonly json?: boolean;
}

/** `holdfast replies`: what could not be delivered. */
export function addReplyCommands(program: Command): void {
  const group = program
    .command("replies")
    .description("replies that could not be delivered: list them, send them again, drop them");

  group
    .command("list [account]")
    .description("the replies that were given up, the newest first, with the reason")
    .option("--limit <n>", "how many", "50")
    .option("--before <page>", "the next page, as the last one named it")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample:\n  npx holdfast replies list site-bot --limit 20")
    .action(async (account: string | undefined, { limit, before, json }: ListOptions) => {
      const { replies, next } = await askFleet(
        "replies",
        { account, limit: Number(limit), before },
        { env },
      );
      if (json === true) return print(JSON.stringify({ replies, next }));
      for (const reply of replies) print(replyLines(reply));
      if (replies.length === 0) print("every reply was delivered, or still may be");
      if (next !== null) print(`more with: npx holdfast replies list --before ${next}`);
    });

  group
    .command("resend <reply...>")
    .description("send replies again that were given up")
    .addHelpText("after", "\nExample:\n  npx holdfast replies resend 42:7")
    .action(async (replies: readonly string[]) => {
      for (const reply of replies) {
        const { account } = await askFleet("reply-resend", { reply }, { env });
        print(`reply ${reply}: ${account} sends it again`);
      }
    });

  group
    .command("drop <reply...>")
    .description("take replies off the list; they will not be sent")
    .addHelpText("after", "\nExample:\n  npx holdfast replies drop 42:7 42:8")
    .action(async (replies: readonly string[]) => {
      for (const reply of replies) {
        await askFleet("reply-drop", { reply }, { env });
        print(`reply ${reply}: off the list`);
      }
    });
}

function replyLines(reply: UndeliveredReply): string {
  const { id, account, chatUser, code, attempts, at, text } = reply;
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  return `${id}  ${account} → ${chatUser}  ${code}  ${at}, ${tries}\n  ${text.replaceAll("\n", "\n  ")}`;
}
