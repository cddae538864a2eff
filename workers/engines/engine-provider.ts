import type { RouteConfig } from "../../config/config.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { Provider, ProviderCall, ProviderSink } from "../providers/provider.ts";
import type { EngineClient } from "./engine-client.ts";
import type { EngineLoads } from "./engine-loads.ts";
import type { EngineWatch } from "./engine-watch.ts";
import { certainTruncation, isTruncated, refuseTruncated } from "./find-truncation.ts";
import { type CallSite, fitCall } from "./fit-call.ts";
import { smallerCap } from "./smaller-cap.ts";
import { untilLetGo } from "./until-let-go.ts";
import { QueueWait } from "./queue-wait.ts";

export interface EngineProviderDeps {
  readonly watch: EngineWatch;
  readonly loads: EngineLoads;
  readonly client: EngineClient;
  /** Routes by public model name. */
  readonly routes: ReadonlyMap<string, RouteConfig>;
  /** Configured context lengths by model name. */
  readonly contextLengths: ReadonlyMap<string, number>;
}

/**
 * Makes a provider whose calls suit its engine. The output cap fits the engine's context, and a
 * call has as many slots as the engine uses for it. A call leaves the engine's queue when there is
 * a better place, and keeps its slots until the engine has let go.
 */
export function engineProvider(inner: Provider, deps: EngineProviderDeps): Provider {
  const { name } = inner;
  const { watch, loads } = deps;

  async function call(request: ProviderCall, sink: ProviderSink): Promise<ProviderOutcome> {
    const site = siteOf(name, request, deps);
    const refuses = routeOf(deps, request)?.truncation !== "allow";
    const cut = refuses ? certainTruncation(request, site) : undefined;
    if (cut !== undefined) return cut;
    const sequences = sequencesOf(request, site);
    const most = request.endpoint === "embeddings" ? "share" : "fleet";
    const mayRun = (await request.slot?.widen(sequences, most, request.signal)) ?? true;
    if (!mayRun) return STOPPED_BEFORE;
    const flight = { sequences, isOver: false };
    loads.began(name, sequences);
    try {
      const outcome = await run(request, sink, site, flight);
      reportOutcome(watch, name, request.model, outcome);
      return refuses && isTruncated(outcome, request, site)
        ? refuseTruncated(outcome, site)
        : withSmallerCap(outcome, request, site);
    } finally {
      flight.isOver = true;
      loads.ended(name, sequences);
    }
  }

  async function run(
    request: ProviderCall,
    sink: ProviderSink,
    site: CallSite,
    flight: { readonly sequences: number; readonly isOver: boolean },
  ): Promise<ProviderOutcome> {
    const wait = new QueueWait(request, {
      hasQueue: () => loads.hasQueue(name),
      usualTtftMs: () => loads.usualTtftMs(name),
    });
    const startedAt = performance.now();
    const { sequences } = flight;
    const ours = (): number => loads.ours(name) - (flight.isOver ? 0 : sequences);
    let letGo: Promise<void> | undefined;
    let answering = 0;
    const stopAnswering = (): void => {
      loads.answer(name, -answering);
      answering = 0;
    };
    try {
      const outcome = await inner.call(
        {
          ...fitCall(request, site),
          signal: wait.signal,
          onFirstByte: () => {
            wait.end();
            answering = sequences;
            loads.answer(name, sequences);
            loads.measured(name, performance.now() - startedAt);
          },
          onCut: () => {
            stopAnswering();
            letGo = untilLetGo({
              engine: site.engine,
              client: deps.client,
              began: wait.isOver,
              elapsedMs: performance.now() - startedAt,
              usualTtftMs: loads.usualTtftMs(name),
              sequences,
              others: ours(),
              ours,
              answering: () => loads.answering(name),
            });
          },
        },
        sink,
      );
      // Without a slot to keep, the call itself lasts until the engine has let go.
      if (letGo !== undefined && request.slot === undefined) await letGo;
      else if (letGo !== undefined) request.slot?.keepUntil(letGo);
      return wait.judge(outcome);
    } finally {
      wait.end();
      stopAnswering();
    }
  }

  return { ...inner, call };
}

function siteOf(provider: string, request: ProviderCall, deps: EngineProviderDeps): CallSite {
  const { model } = request;
  const known = [deps.watch.contextLength(provider, model), deps.contextLengths.get(model)].filter(
    (length) => length !== undefined,
  );
  return {
    engine: deps.watch.engine(provider),
    contextLength: known.length === 0 ? undefined : Math.min(...known),
    capIsWritten: routeOf(deps, request)?.maxOutputTokensIsWritten === true,
  };
}

function routeOf({ routes }: EngineProviderDeps, { route }: ProviderCall): RouteConfig | undefined {
  return route === undefined ? undefined : routes.get(route);
}

/** vLLM counts every choice, prompt and input as a request, llama.cpp runs each in a slot. */
function sequencesOf({ endpoint, choices }: ProviderCall, { engine }: CallSite): number {
  const isEach = endpoint === "embeddings" ? engine.inputsTakeSlots : engine.choicesTakeSlots;
  return isEach ? Math.max(1, choices) : 1;
}

/** A cap that the broker wrote is never the caller's error: the next attempt asks for less. */
function withSmallerCap(
  outcome: ProviderOutcome,
  request: ProviderCall,
  site: CallSite,
): ProviderOutcome {
  if (outcome.kind !== "failed" || request.capIsDefault !== true) return outcome;
  const sent = fitCall(request, site).maxOutputTokens;
  if (sent === null) return outcome;
  const fittingOutputCap = smallerCap(outcome, sent);
  if (fittingOutputCap === undefined) return outcome;
  // An engine that names another limit each time must not be asked for ever.
  const isEnough = !request.capIsLowered || fittingOutputCap <= sent / 2;
  return isEnough ? { ...outcome, reason: "context_overflow", fittingOutputCap } : outcome;
}

const STOPPED_BEFORE: ProviderOutcome = {
  kind: "aborted",
  sent: false,
  gotHeaders: false,
  outputBytes: 0,
  usage: undefined,
  ttftMs: null,
};

/** Reports what an outcome says about the configuration: a wrong name or key, or that all is well. */
function reportOutcome(
  watch: EngineWatch,
  provider: string,
  model: string,
  outcome: ProviderOutcome,
): void {
  if (outcome.kind === "ok") watch.succeeded(provider, model);
  if (outcome.kind !== "failed") return;
  if (outcome.reason !== "not_found" && outcome.reason !== "auth") return;
  const { status, error } = outcome;
  const words = error === undefined ? "nothing more" : `"${error.message}"`;
  watch.refused(provider, model, status === undefined ? words : `HTTP ${status} ${words}`);
}
