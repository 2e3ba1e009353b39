// JSON Schema as the server tells it of OCPP's messages: what a form needs to know of a place, what a new value is,
// and what is wrong with one. Pure: no looks, no state.

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  title?: string;
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean;
  items?: Schema;
  enum?: string[];
  format?: string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
}

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
/** A value under construction: what has not been filled in yet is absent. */
export type Draft = undefined | string | number | boolean | null | Draft[] | { [name: string]: Draft };
export type DraftObject = { [name: string]: Draft };

export type Kind = "object" | "array" | "choice" | "moment" | "text" | "long" | "integer" | "number" | "boolean" | "any";

/** Above so many characters a text gets more than one line: certificates, URLs, vendors' data. */
const LONG = 300;

/** What a reference stands for; definitions are the root's. */
export function resolve(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.replace("#/$defs/", "");
  return name === undefined ? schema : (root.$defs?.[name] ?? {});
}

/** How a place is filled in. An object that may hold anything is written as JSON. */
export function kindOf(schema: Schema): Kind {
  switch (schema.type) {
    case "object":
      return schema.additionalProperties === false ? "object" : "any";
    case "array":
      return "array";
    case "boolean":
    case "integer":
    case "number":
      return schema.type;
    case "string":
      if (schema.enum) return "choice";
      if (schema.format === "date-time") return "moment";
      return (schema.maxLength ?? 0) > LONG ? "long" : "text";
    default:
      return "any";
  }
}

/** Required members first, each group in the message's own order, vendor extensions last. */
export function membersOf(schema: Schema): { name: string; schema: Schema; required: boolean }[] {
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => ({ name, schema: member, required: schema.required?.includes(name) ?? false }));
  const rank = (member: { name: string; required: boolean }) => (member.required ? 0 : member.name === "customData" ? 2 : 1);
  return members.toSorted((a, b) => rank(a) - rank(b));
}

/** A new value with its required parts in place. Nothing is decided for the person: scalars are absent, except ids of a
 *  request, which only have to be new. */
export function blank(root: Schema, schema: Schema, name: string, fresh: () => number): Draft {
  const meant = resolve(root, schema);
  switch (kindOf(meant)) {
    case "object":
      return Object.fromEntries(
        membersOf(meant)
          .filter((member) => member.required)
          .map((member) => [member.name, blank(root, member.schema, member.name, fresh)]),
      );
    case "array":
      return Array.from({ length: Math.max(1, meant.minItems ?? 0) }, () => blank(root, meant.items ?? {}, name, fresh));
    case "integer":
      return name === "requestId" || name === "remoteStartId" ? fresh() : undefined;
    default:
      return undefined;
  }
}

/** The value as it is sent: in the message's order, without what was left empty. Members that the schema doesn't know stay. */
export function ordered(root: Schema, schema: Schema, draft: Draft): Json | undefined {
  const meant = resolve(root, schema);
  if (Array.isArray(draft)) return draft.map((item) => ordered(root, meant.items ?? {}, item)).filter((item) => item !== undefined);
  if (typeof draft !== "object" || draft === null) return draft;
  const known = Object.keys(meant.properties ?? {});
  const names = [...known.filter((name) => name in draft), ...Object.keys(draft).filter((name) => !known.includes(name))];
  const sent: { [name: string]: Json } = {};
  for (const name of names) {
    const member = ordered(root, meant.properties?.[name] ?? {}, draft[name]);
    if (member !== undefined) sent[name] = member;
  }
  return sent;
}

export type Fault =
  | { where: string; what: "missing" | "number" | "integer" | "moment" | "choice" | "object" | "array" | "unknown" | "text" | "boolean" }
  | { where: string; what: "length" | "items" | "minimum" | "maximum" | "fewest"; bound: number };

const MOMENT = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Everything that keeps a value from being sent, each at its place: `chargingProfile.chargingSchedule[0].id`. */
export function faults(root: Schema, schema: Schema, value: Draft, where = ""): Fault[] {
  const meant = resolve(root, schema);
  if (value === undefined || value === "") return value === "" && meant.type !== "string" ? [{ where, what: "missing" }] : value === undefined ? [{ where, what: "missing" }] : meant.enum ? [{ where, what: "choice" }] : [];
  const wrong = (what: "number" | "integer" | "moment" | "choice" | "object" | "array" | "text" | "boolean"): Fault[] => [{ where, what }];
  const found: Fault[] = [];
  switch (kindOf(meant)) {
    case "object": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("object");
      for (const member of membersOf(meant)) if (member.required || member.name in value) found.push(...faults(root, member.schema, value[member.name], join(where, member.name)));
      for (const name of Object.keys(value)) if (!(name in (meant.properties ?? {}))) found.push({ where: join(where, name), what: "unknown" });
      return found;
    }
    case "array":
      if (!Array.isArray(value)) return wrong("array");
      if (value.length < (meant.minItems ?? 0)) found.push({ where, what: "fewest", bound: meant.minItems ?? 0 });
      if (value.length > (meant.maxItems ?? Infinity)) found.push({ where, what: "items", bound: meant.maxItems ?? 0 });
      value.forEach((item, i) => found.push(...faults(root, meant.items ?? {}, item, `${where}[${i}]`)));
      return found;
    case "choice":
      return meant.enum?.includes(String(value)) ? [] : wrong("choice");
    case "moment":
      return typeof value === "string" && MOMENT.test(value) && !Number.isNaN(Date.parse(value)) ? [] : wrong("moment");
    case "text":
    case "long":
      if (typeof value !== "string") return wrong("text");
      // The standard counts characters, JavaScript halves of them.
      return [...value].length > (meant.maxLength ?? Infinity) ? [{ where, what: "length", bound: meant.maxLength ?? 0 }] : [];
    case "boolean":
      return typeof value === "boolean" ? [] : wrong("boolean");
    case "integer":
    case "number":
      if (typeof value !== "number" || !Number.isFinite(value)) return wrong(meant.type === "integer" ? "integer" : "number");
      if (meant.type === "integer" && !Number.isSafeInteger(value)) return wrong("integer");
      if (value < (meant.minimum ?? -Infinity)) return [{ where, what: "minimum", bound: meant.minimum ?? 0 }];
      if (value > (meant.maximum ?? Infinity)) return [{ where, what: "maximum", bound: meant.maximum ?? 0 }];
      return [];
    case "any":
      if (meant.type === "object") {
        if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("object");
        for (const name of meant.required ?? []) found.push(...faults(root, meant.properties?.[name] ?? {}, value[name], join(where, name)));
      }
      return found;
  }
}

/** A member's place below another. */
export const join = (where: string, name: string): string => (where ? `${where}.${name}` : name);
