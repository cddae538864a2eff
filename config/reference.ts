import { z } from "zod";
import { quantityLimits } from "./quantity.ts";
import { configFileSchema } from "./schema.ts";

type Schema = z.core.JSONSchema.JSONSchema;

/** The order of the page: what everybody writes comes first. */
const sections = ["providers", "models", "server", "retention", "webhooks"];
/** Columns of a line of the page. */
const WIDTH = 100;

/** The Markdown reference of all keys of the configuration file, made from their descriptions. */
export function configReference(): string {
  const { properties = {} } = z.toJSONSchema(configFileSchema, {
    io: "input",
    target: "draft-7",
    override({ zodSchema, jsonSchema }) {
      const limits = quantityLimits.get(zodSchema);
      if (limits !== undefined)
        jsonSchema["limits"] = `from \`${limits.min}\` to \`${limits.max}\``;
    },
  });
  const missing = Object.keys(properties).filter((name) => !sections.includes(name));
  if (missing.length > 0) throw new Error(`${missing.join(", ")} has no place in the reference`);
  return sections.map((name) => section(name, part(properties[name]))).join("\n");
}

function section(name: string, schema: Schema): string {
  const { additionalProperties: named } = schema;
  const body = named === undefined || typeof named === "boolean" ? schema : named;
  const title = body === schema ? `\`${name}\`` : `\`${name}.<name>\``;
  return `### ${title}\n\n${wrapped(body.description ?? "", "")}\n\n${keys(body, "")}`;
}

function keys({ properties = {}, required = [] }: Schema, indent: string): string {
  /** Lists of equal mappings are shown once: by their keys, the name of the first. */
  const shown = new Map<string, string>();
  return Object.entries(properties)
    .map(([name, value]) => {
      const schema = part(value);
      const inner = innerKeys(schema);
      const same = JSON.stringify(inner);
      const like = inner === undefined ? undefined : shown.get(same);
      shown.set(same, like ?? name);
      const words = [
        `**\`${name}\`**: ${schema.description ?? ""}`,
        kind(schema),
        like === undefined ? "" : `It has the keys of \`${like}\`.`,
        standing(schema, required.includes(name)),
      ];
      const text = words.filter((word) => word !== "").join(" ");
      const line = `${indent}- ${wrapped(text, `${indent}  `)}\n`;
      return inner === undefined || like !== undefined ? line : line + keys(inner, `${indent}  `);
    })
    .join("");
}

/** The mapping whose keys are to be shown below this one. */
function innerKeys(schema: Schema): Schema | undefined {
  if (schema.properties !== undefined) return schema;
  const { items } = schema;
  return isSchema(items) && items.properties !== undefined ? items : undefined;
}

function kind(schema: Schema): string {
  const { type, enum: values, minimum, maximum, limits } = schema as Schema & { limits?: string };
  if (values !== undefined) return `One of ${values.map((value) => `\`${value}\``).join(", ")}.`;
  if (type === "boolean") return "`true` or `false`.";
  if (type === "integer")
    return `A whole number from ${minimum} to ${maximum?.toLocaleString("en-US")}.`;
  if (type === "array") return "A list.";
  if (limits !== undefined) return `${limits.replace("from", "From")}.`;
  return "";
}

function standing(schema: Schema, isRequired: boolean): string {
  if (isRequired) return "Required.";
  const { default: preset } = schema;
  const isEmpty = typeof preset === "object" && Object.keys(preset ?? {}).length === 0;
  return preset === undefined || isEmpty ? "" : `Default: \`${yaml(preset)}\`.`;
}

function yaml(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Breaks a text between words; every line but the first begins with the indent. */
function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && indent.length + line.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${indent}`);
}

function part(schema: Schema | boolean | undefined): Schema {
  return isSchema(schema) ? schema : {};
}

function isSchema(schema: unknown): schema is Schema {
  return typeof schema === "object" && schema !== null && !Array.isArray(schema);
}
