import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { asked } from "./asked.ts";
import { SLOTS, type SurvivingFleet } from "./surviving-fleet.ts";

const models = { "gpu-a": "plain", "gpu-b": "other" } as const;

/** With so many tokens a call takes a quarter of a second. */
const FIRST_TOKENS = 10;
const MOST_TOKENS = 1_280;

/**
 * Expects that no slot is lost: as many requests as there are slots run at once, at both providers.
 * On a busy machine short calls may never meet, so that each further try makes longer ones.
 */
export async function expectEverySlotToWork(fleet: SurvivingFleet): Promise<void> {
  let tokens = FIRST_TOKENS;
  await eventually(
    async () => {
      const tried = tokens;
      tokens = Math.min(MOST_TOKENS, tokens * 2);
      for (const row of await Promise.all(
        Object.entries(models).map(async ([provider, model]) => ({
          provider,
          atOnce: await mostAtOnce(fleet, provider, model, tried),
        })),
      ))
        expect(row).toEqual({ provider: row.provider, atOnce: SLOTS });
    },
    120_000,
    250,
  );
}

async function mostAtOnce(
  fleet: SurvivingFleet,
  provider: string,
  model: string,
  tokens: number,
): Promise<number> {
  const [api] = fleet.apis;
  if (api === undefined) throw new Error("no API survives");
  const content = `[sim output=${tokens}]`;
  const answers = await Promise.all(
    Array.from({ length: SLOTS }, () => asked(fleet, api, { model, content, maxTokens: tokens })),
  );
  expect(answers.map(({ ending }) => ending)).toEqual(answers.map(() => "answer"));
  const requests = fleet.upstreams[provider]?.counters().requests ?? {};
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
