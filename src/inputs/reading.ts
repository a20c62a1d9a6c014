/** What an input means, or why it means nothing: the end of a sentence that begins with its name. Quotes no secret. */
export type InputReading<Value> = { readonly value: Value } | { readonly why: string };
