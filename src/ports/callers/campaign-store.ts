/** An account in a campaign. `due`: its key is still the one from before. */
export interface CampaignAccount {
  readonly account: string;
  readonly state: "renewed" | "due" | "stopped" | "no-session";
  /** Renewals of it that were given up since the campaign began. */
  readonly givenUp: number;
}

/** Moves of all accounts to fresh keys. Hides SQL. Errors: DATABASE_UNAVAILABLE (unknown outcome). */
export interface CampaignStore {
  /** The open one for that reason, else a new one under `id`. `begunAt`: ISO 8601. */
  open(
    id: string,
    because: string,
  ): Promise<{ readonly id: string; readonly begunAt: string; readonly known: boolean }>;
  /** Every account of the fleet; a renewal of any origin that was begun since the campaign counts. */
  accounts(id: string): Promise<readonly CampaignAccount[]>;
  end(id: string): Promise<void>;
}
