import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/**
 * Makes a plausible value for a JSON Schema, always the same one. It supports types, `enum`,
 * `const`, alternatives and minimums, and fills required properties, but ignores references and
 * patterns.
 */
export function sampleValue(schema: unknown, name = "value"): unknown {
  const shape = asObject(schema) ?? {};
  if ("const" in shape) return shape["const"];
  const choices = shape["enum"];
  if (Array.isArray(choices) && choices.length > 0) return choices[0] as unknown;
  const alternatives = shape["anyOf"] ?? shape["oneOf"];
  if (Array.isArray(alternatives) && alternatives.length > 0) {
    return sampleValue(alternatives[0], name);
  }
  switch (typeOf(shape)) {
    case "object":
      return sampleObject(shape);
    case "array":
      return [sampleValue(shape["items"], name)];
    case "integer":
    case "number":
      return typeof shape["minimum"] === "number" ? Math.ceil(shape["minimum"]) : 1;
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return `some ${name}`;
  }
}

function typeOf(shape: JsonObject): unknown {
  const type: unknown = Array.isArray(shape["type"]) ? shape["type"][0] : shape["type"];
  return type ?? ("properties" in shape ? "object" : "string");
}

function sampleObject(shape: JsonObject): JsonObject {
  const properties = asObject(shape["properties"]) ?? {};
  const required: readonly unknown[] = Array.isArray(shape["required"]) ? shape["required"] : [];
  const names = required.filter((each) => typeof each === "string");
  return Object.fromEntries(names.map((each) => [each, sampleValue(properties[each], each)]));
}
