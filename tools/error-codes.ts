import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Argument,
  type Expression,
  type ObjectExpression,
  parseSync,
  type Program,
  Visitor,
} from "oxc-parser";

/**
 * The carrier of a code: an error, a call that failed outside, a note in the events, or the reason
 * of a state.
 */
export type CodeKind = "error" | "fault" | "note" | "reason";

export interface ErrorCode {
  readonly kind: CodeKind;
  /** A part known only at run time stands as `…`. */
  readonly code: string;
  /** Sentences with `…` for each part that is filled in; empty where they are made elsewhere. */
  readonly messages: readonly string[];
  readonly nexts: readonly string[];
  /** Relative to the root of the repository, sorted. */
  readonly files: readonly string[];
}

interface Place {
  readonly kind: CodeKind;
  readonly code: string;
  readonly messages: readonly string[];
  readonly nexts: readonly string[];
  readonly file: string;
}

type Constants = ReadonlyMap<string, string>;

const codePattern = /^[A-Z][A-Z0-9…]*(?:_[A-Z0-9…]+)*$/;
/** A call `refused("CODE", "message")` is told from others by the underscore of its first text. */
const argumentPattern = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/;

/** Every possible text of an expression, as far as the source says it. */
function textsOf(node: Argument | null, constants: Constants): readonly string[] {
  const of = (inner: Expression) => textsOf(inner, constants);
  switch (node?.type) {
    case "Literal":
      return typeof node.value === "string" ? [node.value] : [];
    case "TemplateLiteral":
      return [node.quasis.map(({ value }) => value.cooked ?? "").join("…")];
    case "ConditionalExpression":
      return [...of(node.consequent), ...of(node.alternate)];
    case "LogicalExpression":
      return [...of(node.left), ...of(node.right)];
    case "Identifier": {
      const constant = constants.get(node.name);
      return constant === undefined ? [] : [constant];
    }
    case undefined:
    default:
      return [];
  }
}

function propertyOf(object: ObjectExpression, name: string): Expression | null {
  for (const property of object.properties) {
    if (property.type !== "Property" || property.key.type !== "Identifier") continue;
    if (property.key.name === name) return property.value;
  }
  return null;
}

function textsAt(object: ObjectExpression, name: string, constants: Constants): readonly string[] {
  return textsOf(propertyOf(object, name), constants).filter((text) => text !== "");
}

function calleeOf(callee: Expression): string {
  return callee.type === "Identifier" ? callee.name : callee.type === "Super" ? "super" : "";
}

function kindOfObject(object: ObjectExpression, maker: string | undefined): CodeKind {
  if (maker === "HoldfastError" || maker === "super") return "error";
  if (maker === "TelegramError" || propertyOf(object, "kind") !== null) return "fault";
  const type = propertyOf(object, "type");
  return type?.type === "Literal" && type.value === "note" ? "note" : "reason";
}

function placesIn(file: string, program: Program, constants: Constants): readonly Place[] {
  const places: Place[] = [];
  const makers = new Map<unknown, string>();

  new Visitor({
    NewExpression({ callee, arguments: [first] }) {
      if (first?.type === "ObjectExpression") makers.set(first, calleeOf(callee));
    },
    CallExpression({ callee, arguments: given }) {
      const [first] = given;
      if (first?.type === "ObjectExpression") makers.set(first, calleeOf(callee));
      const at = given.findIndex(
        (one) => one.type === "Literal" && argumentPattern.test(String(one.value)),
      );
      const messages = at < 0 ? [] : textsOf(given[at + 1] ?? null, constants);
      const [code] = textsOf(given[at] ?? null, constants);
      if (code === undefined || messages.length === 0) return;
      const kind = calleeOf(callee) === "note" ? "note" : "fault";
      places.push({ kind, code, messages, nexts: [], file });
    },
    ObjectExpression(object) {
      const messages = textsAt(object, "message", constants);
      const nexts = textsAt(object, "next", constants);
      const kind = kindOfObject(object, makers.get(object));
      for (const code of textsAt(object, "code", constants)) {
        if (codePattern.test(code)) places.push({ kind, code, messages, nexts, file });
      }
    },
  }).visit(program);
  return places;
}

/** `const name = "TEXT"` of every file: some codes are named so. */
function constantsIn(programs: readonly Program[]): Constants {
  const constants = new Map<string, string>();
  for (const program of programs) {
    new Visitor({
      VariableDeclarator({ id, init }) {
        if (id.type !== "Identifier" || init?.type !== "Literal") return;
        if (typeof init.value === "string" && argumentPattern.test(init.value))
          constants.set(id.name, init.value);
      },
    }).visit(program);
  }
  return constants;
}

/** The simulated data centre has codes of its own, and the simulation repeats those of the real adapters. */
const isElsewhere = (file: string): boolean => /\/(?:telegram-dc|simulation)\//.test(file);

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];

/**
 * Every code of an error, a note or a reason in the sources, by kind and name. Codes from Telegram
 * or another process are absent, as no source names them.
 */
export function errorCodes(root: string, files: readonly string[]): readonly ErrorCode[] {
  const sources = files.filter((file) => /^src\/.*\.ts$/.test(file) && !isElsewhere(file));
  const programs = sources.map((file) => {
    const { program, errors } = parseSync(file, readFileSync(join(root, file), "utf8"));
    if (errors.length > 0) throw new Error(`${file} cannot be read: ${errors[0]?.message}`);
    return { file, program };
  });
  const constants = constantsIn(programs.map(({ program }) => program));
  const places = programs.flatMap(({ file, program }) => placesIn(file, program, constants));

  const codes = new Map<string, Place[]>();
  for (const place of places) {
    const key = `${place.kind} ${place.code}`;
    codes.set(key, [...(codes.get(key) ?? []), place]);
  }
  return [...codes.entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, [first, ...others]]) => {
      const all = [first!, ...others];
      return {
        kind: first!.kind,
        code: first!.code,
        messages: unique(all.flatMap(({ messages }) => messages)),
        nexts: unique(all.flatMap(({ nexts }) => nexts)),
        files: unique(all.map(({ file }) => file)).toSorted(),
      };
    });
}
