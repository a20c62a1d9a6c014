import type { NodeFigures } from "../ports/node-figures.ts";
import type { Nothing } from "./protocol.ts";

/** `holdfast.nodes.<verb>`: every node answers for itself. */
export interface NodeProtocol {
  /** What it has counted since its start. */
  readonly metrics: {
    asked: Nothing;
    answered: {
      readonly host: string;
      /** ISO 8601: the start of this node. */
      readonly since: string;
      readonly figures: NodeFigures;
      /** Of its gate, since the gate's start. */
      readonly nodeRestarts: number;
    };
  };
  readonly keys: {
    asked: Nothing;
    answered: {
      readonly host: string;
      /** How many hosts serve. */
      readonly hosts: number;
      /** Of Holdfast on that host. */
      readonly version: string;
      /** The fingerprint of the master key that encrypts. */
      readonly sealing: string;
      readonly fingerprints: readonly string[];
    };
  };
  /** `under`: the fingerprint of the key that encrypts by now. */
  readonly reseal: {
    asked: { readonly under: string };
    answered: {
      readonly host: string;
      readonly resealed: number;
      readonly fingerprints: readonly string[];
    };
  };
}
