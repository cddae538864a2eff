import type { EngineClient } from "./engine-client.ts";
import type { EngineInfo, LoadGauges } from "./engine-info.ts";

export interface EngineLoadsDeps {
  readonly providers: readonly string[];
  readonly engine: (provider: string) => EngineInfo;
  readonly clientOf: (provider: string) => EngineClient;
  readonly now: () => number;
  /** While `full`, an engine gets nothing more from us: calls stand in its own queue. */
  readonly onFull: (provider: string, full: boolean) => void;
}

interface Load {
  /** Sequences of ours in flight. */
  ours: number;
  /** Sequences of ours whose answer has begun. */
  answering: number;
  /** Calls in the engine's own queue, ours and others'; undefined if their number is unknown. */
  waiting: number | undefined;
  /** Polls in a row that found a queue. */
  queuedPolls: number;
  full: boolean;
  asking: boolean;
  /** We do not ask before this time, in ms, because it has no metrics. */
  restsUntil: number;
  usualTtftMs: number | undefined;
}

/** An engine without metrics is not asked for this long. */
const NO_METRICS_REST_MS = 60_000;
/** This many polls must find a queue: engines queue calls that arrive together, for a moment. */
const POLLS_FOR_A_QUEUE = 2;
const TTFT_WEIGHT = 0.2;

/**
 * Keeps how busy engines say they are, other callers' load included. It reads their metrics about once
 * a second, and only while calls of ours run there.
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

  /** Counts the sequences of a call that begins. */
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

  /**
   * Tells whether a queue has stood inside the engine long enough that nothing more should be sent.
   */
  isFull(provider: string): boolean {
    return this.#load(provider).full;
  }

  /** Tells whether calls wait inside the engine now; undefined if it is unknown. */
  hasQueue(provider: string): boolean | undefined {
    const { waiting, queuedPolls } = this.#load(provider);
    return waiting === undefined ? undefined : queuedPolls >= POLLS_FOR_A_QUEUE;
  }

  ours(provider: string): number {
    return this.#load(provider).ours;
  }

  /** Counts sequences of ours whose answer begins; negative: their calls are over. */
  answer(provider: string, sequences: number): void {
    this.#load(provider).answering += sequences;
  }

  answering(provider: string): number {
    return this.#load(provider).answering;
  }

  /** Takes the time of one first token into the usual one. */
  measured(provider: string, ttftMs: number): void {
    const load = this.#load(provider);
    const { usualTtftMs = ttftMs } = load;
    load.usualTtftMs = usualTtftMs + TTFT_WEIGHT * (ttftMs - usualTtftMs);
  }

  usualTtftMs(provider: string): number | undefined {
    return this.#load(provider).usualTtftMs;
  }

  /** Asks the engines that have calls of ours, and does not wait for their answers. */
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
    const { status, text } = await this.#deps.clientOf(provider).get("/metrics");
    const waiting = status === 200 ? readGauge(text, gauges.waiting) : undefined;
    if (waiting === undefined) load.restsUntil = this.#deps.now() + NO_METRICS_REST_MS;
    load.waiting = load.ours === 0 ? undefined : waiting;
    load.queuedPolls = waiting === undefined || waiting === 0 ? 0 : load.queuedPolls + 1;
    this.#judge(provider, load);
  }

  /** One call of ours may always run, or the load of others could keep us out for ever. */
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

/** Adds up a gauge over all its labels in Prometheus text; undefined if it is not there. */
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
