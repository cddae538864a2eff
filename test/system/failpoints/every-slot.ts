import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { asked } from "./asked.ts";
import { SLOTS, type Lane } from "./lane.ts";

const models = { "gpu-a": "plain", "gpu-b": "other" } as const;

/**
 * Expects that no slot is lost: as many requests as there are slots run at once, at both providers.
 */
export async function expectEverySlotToWork(lane: Lane): Promise<void> {
  await eventually(
    async () => {
      for (const row of await Promise.all(
        Object.entries(models).map(async ([provider, model]) => ({
          provider,
          atOnce: await mostAtOnce(lane, provider, model),
        })),
      ))
        expect(row).toEqual({ provider: row.provider, atOnce: SLOTS });
    },
    30_000,
    250,
  );
}

async function mostAtOnce(lane: Lane, provider: string, model: string): Promise<number> {
  const [api] = lane.apis;
  if (api === undefined) throw new Error("no API survives");
  const answers = await Promise.all(
    Array.from({ length: SLOTS }, () => asked(lane, api, { model })),
  );
  expect(answers.map(({ ending }) => ending)).toEqual(answers.map(() => "answer"));
  const requests = lane.upstreams[provider]?.counters().requests ?? {};
  const times = answers.map(({ job }) => {
    const call = Object.entries(requests).findLast(([id]) => id.startsWith(`${job}.`))?.[1];
    return { from: call?.startedAtMs ?? 0, to: call?.endedAtMs ?? 0 };
  });
  return Math.max(
    ...times.map(
      ({ from }) => times.filter((other) => other.from <= from && from < other.to).length,
    ),
  );
}
