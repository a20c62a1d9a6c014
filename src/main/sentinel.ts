import "./keep-private.ts";
import { endRecorded } from "../embedded/process-records.ts";

/** The program that a sentinel becomes. It takes no lock, so that a new start is never refused for its sake. */
const [, , home] = process.argv;
if (home !== undefined) await endRecorded(home, () => {});
