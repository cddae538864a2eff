import type { FastifyInstance } from "fastify";
import type { RouteConfig, TargetConfig } from "../../config/config.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { modelObject, type Model } from "../models/model-object.ts";

export interface ModelsDeps {
  readonly models: Iterable<RouteConfig>;
  readonly providerStates: Pick<ProviderStates, "get">;
  /** The time that each model claims to have been created at. */
  readonly startedAt: Date;
}

/** Clients take the first model as their default, so chat models come first. */
const kinds: readonly RouteConfig["kind"][] = ["chat", "completion", "embedding"];

/** `GET /v1/models` and `GET /v1/models/{id}` show, from memory, only what the key may use. */
export function addModels(
  app: FastifyInstance,
  { models: routes, providerStates, startedAt }: ModelsDeps,
): void {
  const all = [...routes].toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  const contextOf = ({ provider, model, contextLength }: TargetConfig): number | undefined =>
    contextLength ?? providerStates.get(provider)?.contextLengths[model];
  const visible = ({ models }: CallerKey): readonly Model[] =>
    all
      .filter(({ name }) => models === null || models.includes(name))
      .map((route) => modelObject(route, startedAt, contextOf));

  app.get("/v1/models", (request) => ({ object: "list", data: visible(callerOf(request)) }));

  app.get<{ Params: { "*": string } }>("/v1/models/*", (request) => {
    const id = request.params["*"];
    const model = visible(callerOf(request)).find((candidate) => candidate.id === id);
    if (model === undefined)
      throw new BrokerError(
        "model_not_found",
        `The model '${id.slice(0, 128)}' does not exist or you do not have access to it.`,
        { param: "model" },
      );
    return model;
  });
}
