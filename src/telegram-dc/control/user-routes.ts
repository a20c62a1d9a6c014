import type { Phone } from "../world/phone/phone-port.ts";
import type { ButtonChoice } from "../world/phone/phone-lookup.ts";
import { fileKinds, type FileSpec } from "../world/files.ts";
import { codeWays } from "../world/model.ts";
import { ControlError } from "../world/control-error.ts";
import type { Fields } from "./fields.ts";
import type { Route, RouteRequest } from "./route.ts";
import { messageToWire } from "./wire.ts";

const waitMsMax = 60_000;
const waitMsDefault = 30_000;

/** Routes that act as a user. Every `:id` and `peer` is a numeric id or a username. */
export function createUserRoutes(phone: Phone): Route[] {
  return [
    {
      method: "POST",
      path: "/users",
      fields: ["phone", "firstName", "lastName", "username", "langCode", "password", "bot"],
      answer: ({ fields }) =>
        phone.createUser({
          phone: fields.optionalText("phone"),
          firstName: fields.text("firstName"),
          lastName: fields.optionalText("lastName"),
          username: fields.optionalText("username"),
          langCode: fields.optionalText("langCode"),
          password: fields.optionalText("password"),
          bot: fields.optionalFlag("bot"),
        }),
    },
    { method: "GET", path: "/users", fields: [], answer: () => ({ users: phone.users() }) },
    {
      method: "GET",
      path: "/users/:id",
      fields: [],
      answer: ({ params }) => phone.user(idOf(params)),
    },
    {
      method: "GET",
      path: "/users/:id/code",
      fields: ["waitMs"],
      async answer({ params, fields }) {
        const code = await phone.waitForCode(idOf(params), waitMs(fields, 0));
        return code === undefined ? { code: null } : { code: code.code, via: code.via };
      },
    },
    {
      method: "POST",
      path: "/users/:id/code-way",
      fields: ["way"],
      answer({ params, fields }) {
        phone.sendCodesBy(idOf(params), fields.optionalOneOf("way", codeWays));
        return {};
      },
    },
    ...createMessageRoutes(phone),
    {
      method: "GET",
      path: "/users/:id/authorisations",
      fields: [],
      answer: ({ params }) => ({ authorisations: phone.authorisations(idOf(params)) }),
    },
    {
      method: "POST",
      path: "/users/:id/login-tokens",
      fields: ["token"],
      answer: ({ params, fields }) =>
        phone.acceptLoginToken(idOf(params), Buffer.from(fields.text("token"), "base64url")),
    },
  ];
}

function createMessageRoutes(phone: Phone): Route[] {
  return [
    {
      method: "GET",
      path: "/users/:id/messages",
      fields: ["peer", "after", "limit"],
      answer: ({ params, fields }) => ({
        messages: phone
          .messages(idOf(params), {
            peer: fields.optionalName("peer"),
            after: fields.optionalInt("after"),
            limit: fields.optionalInt("limit"),
          })
          .map(messageToWire),
      }),
    },
    {
      method: "GET",
      path: "/users/:id/messages/next",
      fields: ["peer", "after", "waitMs"],
      async answer({ params, fields }) {
        const peer = fields.optionalName("peer");
        const message = await phone.waitForMessage(idOf(params), {
          after: fields.optionalInt("after") ?? 0,
          ...(peer === undefined ? {} : { peer }),
          waitMs: waitMs(fields, waitMsDefault),
        });
        return { message: message === undefined ? null : messageToWire(message) };
      },
    },
    {
      method: "POST",
      path: "/users/:id/send",
      fields: ["peer", "text", "randomId", "fileBase64", "fileKind", "mimeType", "fileName"],
      answer({ params, fields }) {
        const randomId = fields.optionalLong("randomId");
        const file = fileOf(fields);
        return phone.send(idOf(params), {
          peer: fields.name("peer"),
          text: file === undefined ? fields.text("text") : (fields.optionalText("text") ?? ""),
          ...(file !== undefined && { file }),
          ...(randomId === undefined ? {} : { randomId }),
        });
      },
    },
    {
      method: "POST",
      path: "/users/:id/press",
      fields: ["peer", "messageId", "data", "dataBase64", "button"],
      answer: async ({ params, fields }) => ({
        answer: await phone.press(idOf(params), {
          peer: fields.optionalName("peer"),
          messageId: fields.int("messageId"),
          ...choiceOf(fields),
        }),
      }),
    },
  ];
}

function fileOf(fields: Fields): FileSpec | undefined {
  const base64 = fields.optionalText("fileBase64");
  if (base64 === undefined) return undefined;
  const kind = fields.optionalOneOf("fileKind", fileKinds) ?? "photo";
  return {
    kind,
    mimeType:
      kind === "photo"
        ? "image/jpeg"
        : (fields.optionalText("mimeType") ?? "application/octet-stream"),
    fileName: fields.optionalText("fileName"),
    bytes: Buffer.from(base64, "base64"),
  };
}

function idOf(params: RouteRequest["params"]): string {
  return params["id"] ?? "";
}

function waitMs(fields: Fields, byDefault: number): number {
  return Math.min(Math.max(fields.optionalInt("waitMs") ?? byDefault, 0), waitMsMax);
}

function choiceOf(fields: Fields): ButtonChoice {
  const button = fields.optionalText("button");
  if (button !== undefined) return { button };
  const base64 = fields.optionalText("dataBase64");
  if (base64 !== undefined) return { data: Buffer.from(base64, "base64") };
  const data = fields.optionalText("data");
  if (data !== undefined) return { data: Buffer.from(data, "utf8") };
  throw new ControlError(
    "BAD_FIELD",
    400,
    'nothing was pressed: give "button" with the label, or "data" with the callback data',
  );
}
