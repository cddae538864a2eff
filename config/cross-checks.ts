import { z } from "zod";
import { isCloudHost } from "./cloud-hosts.ts";
import { defaultKind } from "./resolve-config.ts";
import type { ProblemPath } from "./problem-path.ts";
import { modelSchema, providerSchema, targetSchema } from "./schema.ts";

type Report = (path: ProblemPath, message: string) => void;
type Mapping = Readonly<Record<string, unknown>>;
type Target = z.output<typeof targetSchema>;

const { location, base_url, price } = providerSchema.shape;
const placed = z.object({ location, base_url });
const priced = z.object({ price });
const capped = modelSchema.pick({ max_output_tokens: true, kind: true }).strip();

/**
 * Runs the checks that need more than one value. They read the plain values, so that they also
 * cover the valid parts of a file that the schema refuses.
 */
export function crossCheck(values: unknown, report: Report): void {
  const providers = mapping(mapping(values)["providers"]);
  const models = mapping(mapping(values)["models"]);
  for (const section of ["providers", "models"] as const) {
    const names = mapping(values)[section];
    if (isMapping(names) && Object.keys(names).length === 0) report([section], "must not be empty");
  }
  for (const [name, provider] of Object.entries(providers)) checkHost(name, provider, report);
  for (const [name, model] of Object.entries(models)) checkRoute(name, model, providers, report);
}

function checkHost(name: string, provider: unknown, report: Report): void {
  const { data } = placed.safeParse(provider);
  if (data?.location !== "local") return;
  const { hostname } = new URL(data.base_url);
  if (isCloudHost(hostname))
    report(
      ["providers", name, "base_url"],
      `${hostname} is a cloud API, but the provider is marked local`,
    );
}

function checkRoute(name: string, model: unknown, providers: Mapping, report: Report): void {
  const first = new Map<string, string>();
  for (const role of ["serve", "overflow"] as const) {
    const list = mapping(model)[role];
    if (!Array.isArray(list)) continue;
    for (const [index, written] of list.entries()) {
      const { data: target } = targetSchema.safeParse(written);
      if (target === undefined) continue;
      const path = ["models", name, role, index];
      checkProvider(target, providers, path, report);
      const id = JSON.stringify([target.provider, target.model]);
      const earlier = first.get(id);
      if (earlier === undefined) first.set(id, `${role}[${index}]`);
      else report(path, `the same provider and model as ${earlier}`);
      checkContext(model, target, ["models", name], `${role}[${index}]`, report);
    }
  }
}

function checkProvider(
  target: Target,
  providers: Mapping,
  path: ProblemPath,
  report: Report,
): void {
  if (!Object.hasOwn(providers, target.provider)) {
    report([...path, "provider"], `there is no provider ${target.provider}`);
    return;
  }
  const provider = priced.safeParse(providers[target.provider]);
  if (target.price === undefined && provider.success && provider.data.price === undefined)
    report([...path, "price"], `is required, here or at provider ${target.provider}`);
}

function checkContext(
  model: unknown,
  target: Target,
  path: ProblemPath,
  place: string,
  report: Report,
): void {
  const { data } = capped.safeParse(model);
  if (data === undefined || (data.kind ?? defaultKind(String(path[1]))) === "embedding") return;
  const { max_output_tokens: cap } = data;
  if (cap !== undefined && target.context_length !== undefined && cap > target.context_length)
    report(
      [...path, "max_output_tokens"],
      `${cap} is more than the context_length ${target.context_length} of ${place}`,
    );
}

function mapping(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
