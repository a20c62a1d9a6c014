/** Telegram's data centre that a new account is tried in first; mtcute's and GramJS's own addresses are of it. */
export const defaultDcId = 2;
