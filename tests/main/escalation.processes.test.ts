import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlOf } from "../../src/embedded/control-api.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { packageFile } from "../../src/files.ts";
import type { Notice } from "../../src/ports/accounts/notices.ts";
import { createPhoneUser, type PhoneUser } from "../../src/demo/phone-user.ts";

const bin = fileURLToPath(new URL("../../bin/holdfast.js", import.meta.url));

/** Tells what it knows of the writer, and hands over on request. */
const botText = `import { defineBot } from "${pathToFileURL(packageFile("src/bot.ts")).href}";
export default defineBot({
  name: "desk",
  text(turn, text) {
    turn.log.info("was asked", { by: turn.from.id, decision: turn.session.decision });
    if (text === "help") turn.escalate();
    const said = turn.history.filter(({ role }) => role === "person").map(({ body }) => body);
    const age = Math.abs(Date.now() - turn.date.getTime()) < 60000 ? "now" : "long ago";
    turn.reply([turn.from.name, turn.from.id, age, turn.session.decision, ...said].join(" | "));
  },
});
`;

let home: string;
let hears: Server;
let running: Running;
let notices: Notice[];
let olga: PhoneUser;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-escalation-"));
  await mkdir(join(home, "bot"));
  await writeFile(join(home, "bot", "bot.mjs"), botText);
  notices = [];
  hears = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      notices.push(JSON.parse(body) as Notice);
      response.end();
    });
  });
  await new Promise<void>((resolve) => hears.listen(0, "127.0.0.1", resolve));
  const { port } = hears.address() as { readonly port: number };
  const env = {
    ...process.env,
    HOLDFAST_HOME: join(home, "home"),
    HOLDFAST_BOT: join(home, "bot", "bot.mjs"),
    HOLDFAST_NOTIFY_WEBHOOK: `http://127.0.0.1:${port}/`,
  };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  olga = await createPhoneUser(controlOf(running.run())!, "Olga", "site_bot");
}, 120_000);

afterAll(async () => {
  await running?.stop();
  hears?.close();
  await rm(home, { recursive: true, force: true });
}, 60_000);

function holdfast(...args: string[]): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, HOLDFAST_HOME: join(home, "home") };
    const child = spawn(process.execPath, [bin, ...args], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.once("close", (code) => resolve({ code, out }));
  });
}

const metrics = async () => (await fetch(running.run().metrics)).text();

describe("a bot that hands a session over", () => {
  it("reaches a person by a notice, is answered, and hears of it when the session comes back", async () => {
    expect((await olga.say("hello")).text).toBe(
      `Olga | ${olga.id} | now | SESSION_CREATED_FIRST_CONTACT`,
    );
    await olga.say("help");
    await expect.poll(() => notices.length, { timeout: 20_000 }).toBe(1);
    expect(notices[0]).toMatchObject({ code: "SESSION_ESCALATED", account: "site-bot" });
    const session = /session (\d+)\./.exec(notices[0]!.text)![1]!;

    const listed = await holdfast("conversation", "list", "--escalated");
    expect(listed.out).toContain(`session ${session}  site-bot ← ${olga.id}  escalated for`);
    expect(listed.out).toContain("no person has answered");
    expect(listed.out).toContain(`npx holdfast conversation reply ${session} "…"`);
    const unanswered = 'holdfast_escalated_sessions{answered="no"}';
    await expect.poll(metrics, { timeout: 20_000 }).toContain(`${unanswered} 1`);

    const person = olga.reply(olga.newest().id);
    const replied = await holdfast("conversation", "reply", session, "Bob here. What is it?");
    expect(replied.code).toBe(0);
    expect((await person).text).toBe("Bob here. What is it?");
    expect((await holdfast("conversation", "list", "--escalated")).out).toContain(
      "last, from a person: Bob here. What is it?",
    );

    expect((await holdfast("conversation", "park", session, "--back")).code).toBe(0);
    expect((await olga.say("thank you")).text).toMatch(
      /\| SESSION_RETURNED \| Bob here\. What is it\?$/,
    );
    expect((await olga.say("bye")).text).toMatch(/\| SESSION_REUSED \| Bob here/);
    expect((await holdfast("conversation", "list", "--escalated")).out).toBe(
      "no session waits for a person\n",
    );
    expect(notices).toHaveLength(1);
    await expect.poll(metrics, { timeout: 20_000 }).toContain(`${unanswered} 0`);
  }, 120_000);

  it("has its lines in the log of the host, with the account and the writer", async () => {
    const { out } = await holdfast("logs", "site-bot");
    expect(out).toContain(`site-bot: was asked {"by":"${olga.id}","decision":"SESSION_RETURNED"}`);
  });
});
