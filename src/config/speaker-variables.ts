/** What everyone may who asks over a NATS that does not say who asks. `none`: nothing, the fleet's own nodes apart. */
export const unnamedRoles = ["none", "read", "send", "operate", "owner"] as const;
export type UnnamedRole = Exclude<(typeof unnamedRoles)[number], "none">;

/** The variables about those who may speak to the fleet. */
export const speakerVariables = [
  {
    name: "HOLDFAST_OPERATORS",
    form: "public keys of NATS users, separated by commas",
    byDefault: "none; the launcher sets that of the embedded nats-server",
    meaning: "who owns everything; other callers are made by `holdfast caller add`",
  },
  {
    name: "HOLDFAST_UNNAMED_ROLE",
    form: unnamedRoles.join(", "),
    byDefault: "owner (development), none (production)",
    meaning:
      "what everyone may who asks over a NATS that does not say who asks; the launcher sets none for the embedded one",
  },
] as const;
