import { ControlError } from "../world/control-error.ts";
import { type Fault, faultKinds } from "../world/faults.ts";
import type { Phone } from "../world/phone/phone-port.ts";
import type { Fields } from "./fields.ts";
import type { Route } from "./route.ts";

const faultFields = [
  "kind",
  "method",
  "userId",
  "authKeyId",
  "count",
  "delayMs",
  "seconds",
  "code",
  "message",
  "when",
  "reason",
];

/** Routes that order faults and remove them. */
export function createFaultRoutes(phone: Phone): Route[] {
  return [
    {
      method: "GET",
      path: "/faults",
      fields: [],
      answer: () => ({ faults: phone.faults().map(describe) }),
    },
    {
      method: "POST",
      path: "/faults",
      fields: faultFields,
      answer: ({ fields }) => describe(orderFault(phone, fields)),
    },
    {
      method: "DELETE",
      path: "/faults",
      fields: [],
      answer() {
        phone.clearFaults();
        return { faults: [] };
      },
    },
    {
      method: "DELETE",
      path: "/faults/:id",
      fields: [],
      answer({ params }) {
        if (phone.removeFault(Number(params["id"]))) return { removed: Number(params["id"]) };
        throw new ControlError(
          "UNKNOWN_FAULT",
          404,
          `there is no fault ${params["id"] ?? ""}; GET /faults lists those that stand`,
        );
      },
    },
  ];
}

function describe(fault: Fault): object {
  return { id: fault.id, ...fault.spec, left: fault.left, delivered: fault.delivered };
}

function orderFault(phone: Phone, fields: Fields): Fault {
  const user = fields.optionalName("userId");
  return phone.addFault({
    kind: fields.oneOf("kind", faultKinds),
    method: fields.optionalText("method"),
    userId: user === undefined ? undefined : phone.user(user).id,
    authKeyId: fields.optionalText("authKeyId"),
    count: fields.optionalInt("count"),
    delayMs: fields.optionalInt("delayMs"),
    seconds: fields.optionalInt("seconds"),
    code: fields.optionalInt("code"),
    message: fields.optionalText("message"),
    when: fields.optionalOneOf("when", ["before", "after"]),
    reason: fields.optionalOneOf("reason", ["duplicated", "revoked", "deactivated", "banned"]),
  });
}
