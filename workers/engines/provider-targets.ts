import type { Config, RouteConfig } from "../../config/config.ts";

/** A model of a provider as a route uses it. */
export interface ProviderTarget {
  /** The public model name. */
  readonly route: string;
  readonly kind: RouteConfig["kind"];
  /** The model name that the provider knows. */
  readonly model: string;
  /** The configured length, if any. */
  readonly contextLength: number | undefined;
}

/** Lists the models of a provider that routes use. */
export function providerTargets(
  models: Config["models"],
  provider: string,
): readonly ProviderTarget[] {
  return [...models.values()].flatMap(({ name, kind, serve, overflow }) =>
    [...serve, ...overflow]
      .filter((target) => target.provider === provider)
      .map(({ model, contextLength }) => ({ route: name, kind, model, contextLength })),
  );
}
