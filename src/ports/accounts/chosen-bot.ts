/** For an account that no bot answers for: what is written to it is kept, and stays unanswered. */
export const noBot = "none";
/** The bot of the host that takes the turn: HOLDFAST_BOT, or the example. */
export const hostsBot = "host";
