/** The allowed imports of the files of one folder. */
export interface Rule {
  /** With a trailing slash, or a file. The first rule that matches a file holds. */
  readonly from: string;
  /** Files and folders of the repository. */
  readonly to: readonly string[];
  /** The same, by `import type` only. */
  readonly typesFrom?: readonly string[];
  /** Packages, `node:` ones included; null: any. */
  readonly packages: readonly string[] | null;
}

/** The rule of a file; undefined: it lies where no rule is. */
export type RuleOf = (file: string) => Rule | undefined;
