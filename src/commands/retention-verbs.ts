import type { RetentionJob } from "../conversation/retention/job.ts";
import { HoldfastError } from "../errors.ts";
import type { FleetProtocol, Handlers } from "./protocol.ts";

/** The verb about rows that are too old. */
export type RetentionVerbs = Handlers<FleetProtocol, "retention">;

/** Of one answer: well below the time that the one who asks waits. */
const budgetMs = 5_000;

/** Any node's answer: removes what is older than it is to be kept, part by part, or counts it. */
export const createRetentionCommands = (job: Pick<RetentionJob, "run">): RetentionVerbs => ({
  async retention({ dryRun }) {
    const run = await job.run({ isDryRun: dryRun === true, budgetMs });
    if (run === null) throw retentionBusy();
    return { ok: true, ...run };
  },
});

const retentionBusy = () =>
  new HoldfastError({
    code: "RETENTION_BUSY",
    message: "Another host removes what is too old just now; nothing was removed by this command.",
    next: "See what is left with: npx holdfast retention --dry-run",
    policy: "retryable",
  });
