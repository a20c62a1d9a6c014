import type { Command } from "commander";

/** Adds the commands of one file to the program. */
export type AddCommands = (program: Command, setExitCode: (code: number) => void) => void;

/** A file of commands: loading one costs more than Node's own start, so only the one that is typed is loaded. */
export interface CommandFile {
  /** The names of its commands, aliases included. */
  readonly names: readonly string[];
  load(): Promise<AddCommands>;
}

/** These need every other command: the first writes the shell's script, the second is what that asks. */
export const completionNames: readonly string[] = ["completion", "complete"];

/** By group, in the order of the help. */
export const commandFiles: Readonly<Record<string, readonly CommandFile[]>> = {
  "The service:": [
    {
      names: ["start"],
      load: async () => (await import("./commands/start.ts")).addStartCommand,
    },
    {
      names: ["setup"],
      load: async () => (await import("./commands/setup.ts")).addSetupCommand,
    },
    {
      names: ["demo"],
      load: async () => (await import("./commands/demo.ts")).addDemoCommand,
    },
    {
      names: ["status", "accounts"],
      load: async () => (await import("./commands/status.ts")).addStatusCommand,
    },
    {
      names: ["hosts"],
      load: async () => (await import("./commands/hosts.ts")).addHostsCommand,
    },
    {
      names: ["metrics"],
      load: async () => (await import("./commands/metrics.ts")).addMetricsCommand,
    },
    {
      names: ["stop", "rotate-key"],
      load: async () => (await import("./commands/service.ts")).addServiceCommands,
    },
    {
      names: ["logs"],
      load: async () => (await import("./commands/logs.ts")).addLogsCommand,
    },
    {
      names: ["sweep"],
      load: async () => (await import("./commands/sweep.ts")).addSweepCommand,
    },
    {
      names: ["retention"],
      load: async () => (await import("./commands/retention.ts")).addRetentionCommand,
    },
    {
      names: ["shutdown"],
      load: async () => (await import("./commands/shutdown.ts")).addShutdownCommand,
    },
    {
      names: ["backup", "restore"],
      load: async () => (await import("./commands/backup.ts")).addBackupCommands,
    },
    {
      names: ["doctor", "verify"],
      load: async () => (await import("./commands/doctor.ts")).addDoctorCommands,
    },
    {
      names: ["migrate"],
      load: async () => (await import("./commands/migrate.ts")).addMigrateCommands,
    },
    {
      names: ["nats-keys"],
      load: async () => (await import("./commands/nats-keys.ts")).addNatsKeysCommand,
    },
    {
      names: ["adopt-fleet"],
      load: async () => (await import("./commands/adopt-fleet.ts")).addAdoptFleetCommand,
    },
  ],
  "An account's session:": [
    {
      names: ["add", "import"],
      load: async () => (await import("./commands/add-and-import.ts")).addNewcomerCommands,
    },
    {
      names: ["auth", "login", "renew"],
      load: async () => (await import("./commands/login-and-renew.ts")).addLoginCommands,
    },
    {
      names: ["recover"],
      load: async () => (await import("./commands/recover.ts")).addRecoverCommand,
    },
    {
      names: ["answer", "code"],
      load: async () => (await import("./commands/answer.ts")).addAnswerCommands,
    },
    {
      names: ["pause", "resume", "drain", "test", "logout"],
      load: async () => (await import("./commands/states.ts")).addStateCommands,
    },
    {
      names: ["remove"],
      load: async () => (await import("./commands/remove.ts")).addRemoveCommand,
    },
    {
      names: ["password", "bot", "token", "proxy"],
      load: async () => (await import("./commands/settings.ts")).addSettingCommands,
    },
  ],
  "Using an account, and who holds it:": [
    {
      names: ["call", "send", "history", "who", "check", "prove", "driver", "force"],
      load: async () => (await import("./commands/use.ts")).addUseCommands,
    },
  ],
  "Who may speak to it, and who did:": [
    {
      names: ["replies"],
      load: async () => (await import("./commands/replies.ts")).addReplyCommands,
    },
    {
      names: ["caller"],
      load: async () => (await import("./commands/callers.ts")).addCallerCommands,
    },
    {
      names: ["audit"],
      load: async () => (await import("./commands/audit.ts")).addAuditCommand,
    },
  ],
  "Bots and conversations:": [
    {
      names: ["chat"],
      load: async () => (await import("./commands/chat.ts")).addChatCommand,
    },
    {
      names: ["init"],
      load: async () => (await import("./commands/init.ts")).addInitCommand,
    },
    {
      names: ["conversation"],
      load: async () => (await import("./commands/conversations.ts")).addConversationCommands,
    },
    {
      names: ["forget"],
      load: async () => (await import("./commands/forget.ts")).addForgetCommand,
    },
    {
      names: ["adopt"],
      load: async () => (await import("./commands/adopt.ts")).addAdoptCommands,
    },
  ],
  // Last, as it reads the others.
  "This command line:": [
    {
      names: completionNames,
      load: async () => (await import("./commands/completion.ts")).addCompletionCommand,
    },
  ],
};
