/** A session without a turn for this long has expired. */
export const sessionInactiveMs = 24 * 3600 * 1000;

/** Outcomes of a turn's outside calls: longer than any turn waits to be taken again. */
export const stepsKeptMs = 7 * 24 * 3600 * 1000;
