import type { AskEngine } from "./ask-engine.ts";
import type { EngineInfo, LoadGauges } from "./engine-info.ts";

export interface EngineLoadsDeps {
  readonly providers: readonly string[];
  readonly engine: (provider: string) => EngineInfo;
  readonly ask: (provider: string) => AskEngine;
  readonly now: () => number;
  /** An engine with a queue of its own gets nothing more from us until it is empty. */
  readonly onFull: (provider: string, full: boolean) => void;
}

interface Load {
  /** Sequences of ours in flight. */
  ours: number;
  /** Those of them whose answer has begun. */
  answering: number;
  /** Calls that wait in the engine's own queue, ours and others'; undefined: it does not say. */
  waiting: number | undefined;
  /** Polls in a row that found a queue. */
  queuedPolls: number;
  full: boolean;
  asking: boolean;
  /** Not asked before, in ms: it has no metrics. */
  restsUntil: number;
  usualTtftMs: number | undefined;
}

/** Of an engine whose metrics are off. */
const NO_METRICS_REST_MS = 60_000;
/** A queue for a moment is how engines take in what arrives together. */
const POLLS_FOR_A_QUEUE = 2;
const TTFT_WEIGHT = 0.2;

/**
 * How busy engines say they are, other callers' load included: read from their metrics about once a
 * second, and only while calls of ours run there.
 */
export class EngineLoads {
  readonly #deps: EngineLoadsDeps;
  readonly #loads: ReadonlyMap<string, Load>;

  constructor(deps: EngineLoadsDeps) {
    this.#deps = deps;
    this.#loads = new Map(
      deps.providers.map((name) => [
        name,
        {
          ours: 0,
          answering: 0,
          waiting: undefined,
          queuedPolls: 0,
          full: false,
          asking: false,
          restsUntil: 0,
          usualTtftMs: undefined,
        },
      ]),
    );
  }

  /** Sequences of a call begin, or end. */
  began(provider: string, sequences: number): void {
    const load = this.#load(provider);
    load.ours += sequences;
    this.#judge(provider, load);
  }

  ended(provider: string, sequences: number): void {
    const load = this.#load(provider);
    load.ours -= sequences;
    if (load.ours === 0) load.waiting = undefined;
    this.#judge(provider, load);
  }

  /** Whether a queue has stood inside the engine long enough that nothing more should be sent. */
  isFull(provider: string): boolean {
    return this.#load(provider).full;
  }

  /** Whether calls wait inside the engine now; undefined: it does not say. */
  hasQueue(provider: string): boolean | undefined {
    const { waiting, queuedPolls } = this.#load(provider);
    return waiting === undefined ? undefined : queuedPolls >= POLLS_FOR_A_QUEUE;
  }

  /** Sequences of ours in flight. */
  ours(provider: string): number {
    return this.#load(provider).ours;
  }

  /** So many more of ours have begun to be answered; negative: their calls are over. */
  answer(provider: string, sequences: number): void {
    this.#load(provider).answering += sequences;
  }

  answering(provider: string): number {
    return this.#load(provider).answering;
  }

  /** A first token came after so long. */
  measured(provider: string, ttftMs: number): void {
    const load = this.#load(provider);
    const { usualTtftMs = ttftMs } = load;
    load.usualTtftMs = usualTtftMs + TTFT_WEIGHT * (ttftMs - usualTtftMs);
  }

  usualTtftMs(provider: string): number | undefined {
    return this.#load(provider).usualTtftMs;
  }

  /** Asks the engines that have calls of ours, waiting for none of them. */
  poll(): Promise<void> {
    for (const [name, load] of this.#loads) {
      const { gauges } = this.#deps.engine(name);
      const rests = load.restsUntil > this.#deps.now();
      if (gauges === undefined || load.ours === 0 || load.asking || rests) continue;
      load.asking = true;
      void this.#ask(name, load, gauges).finally(() => {
        load.asking = false;
      });
    }
    return Promise.resolve();
  }

  async #ask(provider: string, load: Load, gauges: LoadGauges): Promise<void> {
    const { status, text } = await this.#deps.ask(provider).get("/metrics");
    const waiting = status === 200 ? readGauge(text, gauges.waiting) : undefined;
    if (waiting === undefined) load.restsUntil = this.#deps.now() + NO_METRICS_REST_MS;
    load.waiting = load.ours === 0 ? undefined : waiting;
    load.queuedPolls = waiting === undefined || waiting === 0 ? 0 : load.queuedPolls + 1;
    this.#judge(provider, load);
  }

  /** One call of ours may always be there, or others' load could keep us out for ever. */
  #judge(provider: string, load: Load): void {
    if (load.waiting === undefined) load.queuedPolls = 0;
    const full = load.ours > 0 && load.queuedPolls >= POLLS_FOR_A_QUEUE;
    if (full === load.full) return;
    load.full = full;
    this.#deps.onFull(provider, full);
  }

  #load(provider: string): Load {
    const load = this.#loads.get(provider);
    if (load === undefined) throw new Error(`there is no provider ${provider}`);
    return load;
  }
}

/** A gauge's value over all its labels, from Prometheus text; undefined: it is not there. */
export function readGauge(text: string, names: readonly string[]): number | undefined {
  for (const name of names) {
    const values = text.split("\n").flatMap((line) => {
      const rest = line.startsWith(name) ? line.slice(name.length) : "";
      const value = /^(?:\{[^}]*\})?\s+(\S+)/.exec(rest)?.[1];
      const number = Number(value);
      return value === undefined || Number.isNaN(number) ? [] : [number];
    });
    if (values.length > 0) return values.reduce((sum, value) => sum + value, 0);
  }
  return undefined;
}
