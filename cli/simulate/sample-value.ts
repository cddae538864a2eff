import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/**
 * A plausible value for a JSON Schema: the same one each time. It knows types, `enum`, `const`,
 * alternatives and bounds below, and fills required properties; not references and patterns.
 */
export function sampleValue(schema: unknown, name = "value"): unknown {
  const facts = asObject(schema) ?? {};
  if ("const" in facts) return facts["const"];
  const choices = facts["enum"];
  if (Array.isArray(choices) && choices.length > 0) return choices[0] as unknown;
  const alternatives = facts["anyOf"] ?? facts["oneOf"];
  if (Array.isArray(alternatives) && alternatives.length > 0) {
    return sampleValue(alternatives[0], name);
  }
  switch (typeOf(facts)) {
    case "object":
      return sampleObject(facts);
    case "array":
      return [sampleValue(facts["items"], name)];
    case "integer":
    case "number":
      return typeof facts["minimum"] === "number" ? Math.ceil(facts["minimum"]) : 1;
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return `some ${name}`;
  }
}

function typeOf(facts: JsonObject): unknown {
  const type: unknown = Array.isArray(facts["type"]) ? facts["type"][0] : facts["type"];
  return type ?? ("properties" in facts ? "object" : "string");
}

function sampleObject(facts: JsonObject): JsonObject {
  const properties = asObject(facts["properties"]) ?? {};
  const required: readonly unknown[] = Array.isArray(facts["required"]) ? facts["required"] : [];
  const names = required.filter((each) => typeof each === "string");
  return Object.fromEntries(names.map((each) => [each, sampleValue(properties[each], each)]));
}
