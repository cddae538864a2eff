import { z } from "zod";
import { configFileSchema } from "./schema.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Makes the JSON Schema (draft 7) of the configuration file, for editors, from the zod schema. */
export function configJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(configFileSchema, {
    io: "input",
    target: "draft-7",
  });
  return {
    ...($schema === undefined ? {} : { $schema }),
    $id: "urn:spillway:config",
    title: "Spillway configuration",
    ...allowReferences(schema),
  };
}

const REFERENCE: JsonSchema = { type: "string", pattern: "\\$\\{" };

/**
 * Editors see the text before `${NAME}` is filled in, so every checked scalar may be such a
 * reference instead.
 */
function allowReferences(schema: JsonSchema): JsonSchema {
  const { properties, additionalProperties, items } = schema;
  if (properties !== undefined)
    return {
      ...schema,
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, value]) => [name, allowIn(value)]),
      ),
    };
  if (additionalProperties !== undefined)
    return { ...schema, additionalProperties: allowIn(additionalProperties) };
  if (items !== undefined && !Array.isArray(items)) return { ...schema, items: allowIn(items) };
  return isUnchecked(schema) ? schema : orReference(schema);
}

function allowIn<Schema extends JsonSchema | boolean>(schema: Schema) {
  return typeof schema === "boolean" ? schema : allowReferences(schema);
}

/** Tells whether the schema allows any value or any text, which includes a reference. */
function isUnchecked(schema: JsonSchema): boolean {
  const limits = Object.keys(schema).filter((key) => key !== "type" && key !== "description");
  return limits.length === 0 && (schema.type === undefined || schema.type === "string");
}

/**
 * Adds the reference as an alternative. Description and default stay outside, where editors look
 * for them.
 */
function orReference({ description, default: preset, anyOf, ...rest }: JsonSchema): JsonSchema {
  return {
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
    anyOf: [...(anyOf ?? [rest]), REFERENCE],
  };
}
