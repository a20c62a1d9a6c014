import type { GrantRef } from "../custody/gate.ts";
import type { UpdateCursor } from "../telegram/telegram.ts";

/** The update cursor per account: ours, advanced only after the stream has acknowledged. */
export interface CursorStore {
  load(account: string): Promise<UpdateCursor | null>;
  /**
   * From the cursor that this holder stored last (null: none was there) to the next. `false`: the
   * token of the grant is not connected or draining under this epoch any more, or another cursor
   * stands there. In that case Postgres was restored, and the updates in between would be skipped.
   */
  advance(grant: GrantRef, from: UpdateCursor | null, to: UpdateCursor): Promise<boolean>;
  reportGap(
    account: string,
    gap: { readonly fromPts: number; readonly toPts: number; readonly recovered: number },
  ): Promise<void>;
}
