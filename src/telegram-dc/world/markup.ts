import type { TlObject } from "../seam.ts";
import { badRequest } from "./rpc-error.ts";
import { isTlObject, optionalBytes, optionalList, optionalText } from "./tl-fields.ts";

/** A message's button, as its reader sees it. */
export interface MarkupButton {
  readonly text: string;
  /**
   * The bot receives this when the button is pressed; undefined when it is not a callback button.
   */
  readonly data: Buffer | undefined;
}

const callbackDataBytesMax = 64;

/** The buttons of a markup, row by row. */
export function buttonsOf(markup: TlObject | undefined): MarkupButton[][] {
  if (markup === undefined) return [];
  return (optionalList(markup, "rows") ?? []).filter(isTlObject).map((row) =>
    (optionalList(row, "buttons") ?? []).filter(isTlObject).map((button) => ({
      text: optionalText(button, "text") ?? "",
      data: button._ === "keyboardButtonCallback" ? optionalBytes(button, "data") : undefined,
    })),
  );
}

/** @throws RpcError BUTTON_DATA_INVALID for callback data of 0 or more than 64 bytes */
export function refuseBadMarkup(markup: TlObject): void {
  for (const button of buttonsOf(markup).flat()) {
    if (button.text === "") throw badRequest("BUTTON_TYPE_INVALID");
    const size = button.data?.length ?? 1;
    if (size < 1 || size > callbackDataBytesMax) throw badRequest("BUTTON_DATA_INVALID");
  }
}
