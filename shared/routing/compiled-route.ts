import type { Config, ProviderConfig, RouteConfig, TargetConfig } from "../../config/config.ts";
import type { Location } from "../contracts/plan.ts";
import type { Price } from "../money/price.ts";
import { parseUsd } from "../money/usd.ts";

export interface CompiledTarget {
  readonly provider: string;
  readonly location: Location;
  readonly role: "serve" | "overflow";
  readonly model: string;
  readonly contextLength: number | undefined;
  readonly price: Price;
  /** The target takes files that are neither texts nor images. */
  readonly readsFiles: boolean;
  /** The way in which the provider serves `/v1/responses`. */
  readonly responses: ProviderConfig["responses"];
}

/** A route with the values that every request needs, computed once. */
export interface CompiledRoute {
  readonly config: RouteConfig;
  /** The `serve` targets come first, then the `overflow` targets. */
  readonly targets: readonly CompiledTarget[];
}

/** Compiles all routes of a configuration, in its order. */
export function compileRoutes(config: Config): ReadonlyMap<string, CompiledRoute> {
  const compile = (target: TargetConfig, role: CompiledTarget["role"]): CompiledTarget => {
    const provider = config.providers.get(target.provider);
    if (provider === undefined) throw new Error(`there is no provider ${target.provider}`);
    return {
      provider: target.provider,
      location: provider.location,
      role,
      model: target.model,
      contextLength: target.contextLength,
      readsFiles: provider.location === "cloud" || provider.engine === "openai",
      responses: provider.responses,
      price: {
        inputNanosPerMillion: parseUsd(target.price.input),
        outputNanosPerMillion: parseUsd(target.price.output),
      },
    };
  };
  return new Map(
    Array.from(config.models, ([name, route]) => [
      name,
      {
        config: route,
        targets: [
          ...route.serve.map((target) => compile(target, "serve")),
          ...route.overflow.map((target) => compile(target, "overflow")),
        ],
      },
    ]),
  );
}
