import type { Config, ProviderConfig } from "../../config/config.ts";
import type { EngineState } from "../../shared/providers/engine-state.ts";
import type { EngineClient } from "./engine-client.ts";
import { detectEngine, type DetectedEngine } from "./detect-engine.ts";
import type { EngineInfo } from "./engine-info.ts";
import { findModel, findProblems } from "./find-problems.ts";
import { assumedEngine } from "./known-engines.ts";
import type { ProviderProblem } from "./provider-problem.ts";
import { providerTargets, type ProviderTarget } from "./provider-targets.ts";

export interface EngineWatchDeps {
  readonly providers: Config["providers"];
  readonly models: Config["models"];
  readonly now: () => number;
  /** Called once for each problem of a provider, when it is found. */
  readonly onProblem: (provider: string, problem: ProviderProblem) => void;
  /** Called when anything known has changed. */
  readonly onState: (provider: string, state: EngineState) => void;
  readonly clientOf: (provider: string) => EngineClient;
}

interface WatchedEngine {
  readonly config: ProviderConfig;
  readonly targets: readonly ProviderTarget[];
  readonly client: EngineClient;
  detected: DetectedEngine | undefined;
  asking: Promise<void> | undefined;
  /** The engine is not asked before this time, in ms. */
  dueAt: number;
  failures: number;
  /** The upstream's words when it refused a call for its model or key, by model. */
  readonly refused: Map<string, string>;
  reported: ReadonlySet<string>;
  state: string;
}

const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
/** A local engine may have restarted with another model or context between two probes. */
const AGAIN_MS = 300_000;
/** The model list is asked for no more often, however often calls are refused. */
const LEAST_GAP_MS = 5_000;
const MAX_WORDS = 300;

/**
 * Keeps what is known of each provider's engine. It asks when the worker starts, when the provider comes
 * back, and when a call was refused for its model or its key. Calls never wait for it.
 */
export class EngineWatch {
  readonly #deps: EngineWatchDeps;
  readonly #watched = new Map<string, WatchedEngine>();
  readonly #stop = new AbortController();

  constructor(deps: EngineWatchDeps) {
    this.#deps = deps;
    for (const [name, config] of deps.providers)
      this.#watched.set(name, {
        config,
        targets: providerTargets(deps.models, name),
        client: deps.clientOf(name),
        detected: undefined,
        asking: undefined,
        // A cloud without a key has nothing to be checked before it is called.
        dueAt: config.location === "cloud" && config.apiKey === undefined ? Infinity : 0,
        failures: 0,
        refused: new Map(),
        reported: new Set(),
        state: "",
      });
  }

  /** Returns the engine as far as it is known by now. */
  engine(provider: string): EngineInfo {
    const watched = this.#watched.get(provider);
    if (watched === undefined) throw new Error(`there is no provider ${provider}`);
    return watched.detected?.engine ?? assumedEngine(watched.config);
  }

  /**
   * Returns the most tokens of prompt and answer together, as the engine says; undefined if
   * unknown.
   */
  contextLength(provider: string, model: string): number | undefined {
    const detected = this.#watched.get(provider)?.detected;
    if (detected?.models === undefined) return undefined;
    const { engine, models } = detected;
    const only = engine.ignoresModelNames && models.length === 1 ? models[0] : undefined;
    return (findModel(models, model) ?? only)?.contextLength;
  }

  /** Asks again: the engine may be another one by now, or have another model. */
  cameBack(provider: string): void {
    const watched = this.#watched.get(provider);
    if (watched !== undefined) watched.dueAt = 0;
  }

  /** A call was refused with 404 or for its key, so the engine is asked about both. */
  refused(provider: string, model: string, words: string): void {
    const watched = this.#watched.get(provider);
    if (watched === undefined) return;
    watched.refused.set(model, words.slice(0, MAX_WORDS));
    watched.dueAt = Math.min(watched.dueAt, this.#deps.now() + LEAST_GAP_MS);
    this.#report(provider, watched);
  }

  /** A call went well. Ollama's contexts are known only once a model is loaded. */
  succeeded(provider: string, model: string): void {
    const watched = this.#watched.get(provider);
    if (watched === undefined) return;
    if (watched.refused.delete(model)) this.#report(provider, watched);
    const learns = this.engine(provider).truncatesSilently;
    if (learns && this.contextLength(provider, model) === undefined)
      watched.dueAt = Math.min(watched.dueAt, this.#deps.now() + LEAST_GAP_MS);
  }

  /** Asks every engine that is due, side by side, and waits for none that is slow. */
  look(): Promise<void> {
    for (const [name, watched] of this.#watched) {
      const isDue = watched.dueAt <= this.#deps.now() && !this.#stop.signal.aborted;
      if (isDue)
        watched.asking ??= this.#ask(name, watched).finally(() => {
          watched.asking = undefined;
        });
    }
    return Promise.resolve();
  }

  /** Resolves when nothing is being asked. */
  async idle(): Promise<void> {
    for (const { asking } of this.#watched.values()) await asking;
  }

  /** Asks and tells nothing more; resolves when what is being asked has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  async #ask(name: string, watched: WatchedEngine): Promise<void> {
    const { config, targets, client } = watched;
    const wanted = [...new Set(targets.map((target) => target.model))];
    const detected = await detectEngine(config, client, wanted);
    const answered = detected.list.status > 0 && detected.list.status < 500;
    // The last answer of a healthy engine stands until its next one.
    if (answered || watched.detected === undefined) watched.detected = detected;
    watched.failures = answered ? 0 : watched.failures + 1;
    const retryMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (watched.failures - 1));
    const againMs = config.location === "cloud" ? Infinity : AGAIN_MS;
    watched.dueAt = this.#deps.now() + (answered ? againMs : retryMs);
    this.#report(name, watched);
  }

  #report(name: string, watched: WatchedEngine): void {
    if (this.#stop.signal.aborted) return;
    const { config, targets, detected, refused } = watched;
    const problems: ProviderProblem[] = [
      ...(detected === undefined ? [] : findProblems(config, targets, detected)),
      ...Array.from(refused, ([model, words]) => ({
        code: "call_refused" as const,
        message: `Calls of the model '${model}' are refused; the upstream said ${words}`,
      })),
    ];
    for (const problem of problems)
      if (!watched.reported.has(problem.message)) this.#deps.onProblem(name, problem);
    watched.reported = new Set(problems.map(({ message }) => message));
    const lengths = targets.flatMap(({ model }) => {
      const length = this.contextLength(name, model);
      return length === undefined ? [] : [[model, length] as const];
    });
    const state: EngineState = {
      ...engineState(this.engine(name), detected, problems),
      context_lengths: Object.fromEntries(lengths),
    };
    const text = JSON.stringify(state);
    if (text === watched.state) return;
    watched.state = text;
    this.#deps.onState(name, state);
  }
}

const MODELS_SHOWN = 200;

function engineState(
  engine: EngineInfo,
  detected: DetectedEngine | undefined,
  problems: readonly ProviderProblem[],
): EngineState {
  return {
    engine: engine.name,
    version: detected?.details.version ?? null,
    slots: detected?.details.slots ?? null,
    models:
      detected?.models
        ?.slice(0, MODELS_SHOWN)
        .map(({ id, contextLength }) => ({ id, context_length: contextLength ?? null })) ?? null,
    truncates: engine.truncatesSilently,
    problems,
  };
}
