import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const text = z.union([z.string(), z.number()]).transform(String);

const serviceSchema = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  container_name: z.string().optional(),
  network_mode: z.string().optional(),
  command: z.array(z.string()),
  environment: z.record(z.string(), text.nullable()).prefault({}),
  ports: z.array(z.string()).prefault([]),
  volumes: z
    .array(
      z.union([
        z.string(),
        z.object({
          type: z.string(),
          source: z.string(),
          target: z.string(),
          read_only: z.boolean(),
          bind: z.object({ create_host_path: z.boolean() }),
        }),
      ]),
    )
    .prefault([]),
  networks: z.array(z.string()),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).prefault({}),
  healthcheck: z
    .object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() })
    .optional(),
  restart: z.string(),
  stop_grace_period: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()),
});

const fileSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.object({ internal: z.boolean() }).nullable()),
  volumes: z.record(z.string(), z.null()),
});

/** The variables of a service are filled in. */
type ComposeService = z.output<typeof serviceSchema>;

/** docker-compose.yml as its engine would read it. */
export interface ComposeFile extends z.output<typeof fileSchema> {
  service(name: string): ComposeService;
  /**
   * Each mention of a variable is listed with its rest, `:?why` or `:-default`, also when it is
   * repeated.
   */
  readonly variables: readonly { readonly name: string; readonly rest: string }[];
}

/** Variables that have neither a value here nor a default stay empty. */
export function readComposeFile(environment: Readonly<Record<string, string>> = {}): ComposeFile {
  const source = readFileSync(new URL("../../../docker-compose.yml", import.meta.url), "utf8");
  const variables: { name: string; rest: string }[] = [];
  const filled = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(filled);
    if (typeof node === "object" && node !== null)
      return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, filled(value)]));
    if (typeof node !== "string") return node;
    return node.replaceAll(/\$\{(\w+)([^}]*)\}/g, (_, name: string, rest: string) => {
      variables.push({ name, rest });
      return environment[name] ?? (rest.startsWith(":-") ? rest.slice(2) : "");
    });
  };
  const file = fileSchema.parse(filled(parse(source, { merge: true })));
  return {
    ...file,
    variables,
    service(name) {
      const service = file.services[name];
      if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
      return service;
    },
  };
}
