/** Faults between TL values and bytes. */
export type TlErrorCode =
  | "TL_TRUNCATED"
  | "TL_TOO_DEEP"
  | "TL_TOO_LARGE"
  | "TL_VECTOR_EXPECTED"
  | "TL_UNKNOWN_CONSTRUCTOR"
  | "TL_UNKNOWN_METHOD"
  | "TL_UNKNOWN_NAME"
  | "TL_FIELD_MISSING"
  | "TL_FIELD_TYPE"
  | "TL_SCHEMA_INVALID"
  | "TL_PACKED_INVALID";

/**
 * A value or a frame that does not fit its schema. `code` is stable; the message names the field
 * and the remedy.
 */
export class TlError extends Error {
  readonly code: TlErrorCode;
  /** The unknown constructor or method, if any. */
  readonly constructorId: number | undefined;

  constructor(
    code: TlErrorCode,
    message: string,
    options?: ErrorOptions & { constructorId?: number },
  ) {
    super(message, options);
    this.name = "TlError";
    this.code = code;
    this.constructorId = options?.constructorId;
  }
}

/** Writes a constructor id the way schemas do: eight hex digits. */
export function formatConstructorId(id: number): string {
  return (id >>> 0).toString(16).padStart(8, "0");
}
