import { expect, it } from "vitest";
import { checkScreen } from "../../tools/check-screen.ts";
import { treeOf } from "../../tools/source-tree.ts";

it("a command that writes to the screen past print is named", () => {
  const write = 'process.stdout.write("text");\n';
  expect(
    checkScreen(
      treeOf({
        "src/cli/print.ts": write,
        "src/node/a.ts": write,
        "src/cli/a.ts": `// stdout.write\nprint("console.log(1)");\n`,
        "src/cli/b.ts": `\n${write}`,
        "src/main/cli.ts": "console.error(error);\n",
      }),
    ),
  ).toEqual([
    expect.stringContaining("src/cli/b.ts:2: stdout.write"),
    expect.stringContaining("src/main/cli.ts:1: console.error("),
  ]);
});
