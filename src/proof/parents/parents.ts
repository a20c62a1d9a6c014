import { packageFile } from "../../files.ts";

/** What runs `holdfast start` and stops it: a shell, npm, a service manager, a container's init. */
export interface Parent {
  readonly name: string;
  /** For a person: which real one it stands for. */
  readonly as: string;
  readonly command: readonly [string, ...string[]];
  /** To whom it sends the signal of a stop. */
  readonly stops: "main" | "group" | "all";
  /** It sends SIGKILL to what is left so long after the signal, in milliseconds; null: everything ends by itself. */
  readonly killsAfterMs: number | null;
}

const program = [process.execPath, packageFile("bin/holdfast.js"), "start"] as const;
/** As `docker run --init`: the first process of a namespace passes signals on, and ends with its child. */
const init =
  '"$@" & child=$!; trap "kill -TERM $child" TERM; trap "kill -INT $child" INT; trap "kill -HUP $child" HUP; while kill -0 $child 2>/dev/null; do wait $child; code=$?; done; exit $code';

export const parents: readonly Parent[] = [
  {
    name: "shell",
    as: "a terminal, whose Ctrl-C reaches the whole group",
    command: ["/bin/sh", "-c", '"$@"; exit $?', "sh", ...program],
    stops: "group",
    killsAfterMs: null,
  },
  {
    name: "npm",
    as: "npm start, as a service manager runs it",
    command: ["npm", "start", "--prefix", packageFile(".")],
    stops: "main",
    killsAfterMs: null,
  },
  {
    name: "mixed",
    as: "a unit of systemd with KillMode=mixed, as the packaged one",
    command: [...program],
    stops: "main",
    killsAfterMs: null,
  },
  {
    name: "control-group",
    as: "a unit of systemd by default: every process gets the signal at once",
    command: [...program],
    stops: "all",
    killsAfterMs: null,
  },
  {
    name: "pm2",
    as: "pm2, which signals the whole tree and kills after 1.6 s",
    command: [...program],
    stops: "all",
    killsAfterMs: 1_600,
  },
  {
    name: "init",
    as: "docker run --init, in a namespace of processes of its own",
    command: [
      "unshare",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "/bin/sh",
      "-c",
      init,
      "sh",
      ...program,
    ],
    stops: "main",
    killsAfterMs: null,
  },
];
