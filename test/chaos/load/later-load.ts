import { setTimeout as sleep } from "node:timers/promises";
import { askedLater, type LaterQuestion, type Way } from "../../system/failpoints/asked-later.ts";
import type { ChaosFleet, KeyName } from "../fleet/chaos-fleet.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** One accepted job's caller. */
export interface LaterRecord {
  readonly way: Way;
  readonly residency: "any" | "local";
  readonly cancelled: boolean;
  /** The job's id; undefined when the request ended before its caller learned it. */
  readonly job: string | undefined;
  /** The value is `answer`, a status with a code, or a problem. */
  readonly ending: string;
}

export interface LaterLoadOptions {
  readonly fleet: Pick<ChaosFleet, "apiUrls" | "keys">;
  readonly random: SeededRandom;
  readonly perSecond: number;
  /** No request begins after this. */
  readonly ended: AbortSignal;
  readonly interrupted: AbortSignal;
  /** Set to give every request a long deadline. */
  readonly arePatient?: boolean;
}

const MOST_AT_ONCE = 150;
/** Time after a deadline, for a database that is away meanwhile. */
const PATIENCE_MS = 60_000;
/** Additional time for an entry whose worker lost its connection several times in a row. */
const PATIENT_MS = 120_000;
const KEY_WEIGHTS: Readonly<Partial<Record<KeyName, number>>> = { free: 5, local: 1, budgeted: 2 };
const WAY_WEIGHTS: Readonly<Record<Way, number>> = {
  async: 3,
  "async stream": 2,
  background: 3,
  stream: 4,
  keyed: 3,
};

/** Sends accepted jobs at random times over both APIs. Resolves when the last caller has an end. */
export async function runLaterLoad(options: LaterLoadOptions): Promise<LaterRecord[]> {
  const { fleet, random, perSecond, ended, interrupted } = options;
  const records: LaterRecord[] = [];
  const open = new Set<Promise<void>>();
  while (!ended.aborted) {
    const pauseMs = (-Math.log(1 - random.next()) / perSecond) * 1_000;
    await sleep(pauseMs, undefined, { signal: ended }).catch(() => undefined);
    const { key, question, firstApi } = plan(random, options.arePatient === true);
    if (ended.aborted || open.size >= MOST_AT_ONCE) continue;
    const urls = [fleet.apiUrls["api-1"], fleet.apiUrls["api-2"]];
    const servers = (firstApi === 0 ? urls : urls.toReversed()).map((url) => ({
      baseUrl: `${url}/v1`,
    }));
    const [first = { baseUrl: "" }] = servers;
    const call = (async () => {
      const caller = { key: fleet.keys[key], apis: servers.toReversed() };
      const result = await askedLater(caller, first, { ...question, signal: interrupted }).catch(
        () => ({ job: undefined, ending: "nobody answered" }),
      );
      const residency = key === "local" ? "local" : "any";
      const cancelled = question.cancelAfterMs !== undefined;
      records.push({ way: question.way, residency, cancelled, ...result });
    })();
    open.add(call);
    void call.finally(() => open.delete(call));
  }
  await Promise.all(open);
  return records;
}

function plan(
  random: SeededRandom,
  isPatient: boolean,
): {
  key: KeyName;
  question: LaterQuestion;
  firstApi: number;
} {
  const way = random.weighted(WAY_WEIGHTS);
  const hurries = random.chance(0.1) && !isPatient;
  const slackMs = isPatient ? PATIENT_MS : 0;
  const deadlineMs = hurries ? random.int(1_000, 6_000) : random.int(30_000, 90_000) + slackMs;
  const cancels = random.chance(0.2);
  const cancelAfterMs = random.int(0, 1_500);
  return {
    key: random.weighted(KEY_WEIGHTS as Record<KeyName, number>),
    firstApi: random.int(0, 1),
    question: {
      way,
      model: "chat",
      words: 2 * random.int(2, 300),
      patienceMs: deadlineMs + PATIENCE_MS,
      headers: { "x-spillway-deadline-ms": String(deadlineMs) },
      ...(cancels && way !== "stream" && way !== "keyed" ? { cancelAfterMs } : {}),
    },
  };
}
