/** Something that a person must hear of without looking. Carries no secret. */
export interface Notice {
  /** The same notice has the same id, however often it is sent. */
  readonly id: string;
  readonly account: string;
  readonly code: string;
  readonly text: string;
}

/** A way to a person. Rejects when it did not work. */
export interface NoticeWay {
  readonly name: string;
  send(notice: Notice): Promise<void>;
}
