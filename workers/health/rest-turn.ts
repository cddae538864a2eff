import type { RestReason } from "../../shared/contracts/rest-reason.ts";
import type { RestStatements } from "../../shared/providers/provider-rest.ts";
import { KEY_MS, usualLimits, type Rest } from "./rest.ts";

/** Time between requests for a trial. */
const ASK_MS = 1_000;
/** Another worker may try the provider after so long. */
const TRIAL_MS = 5_000;

export interface RestTurnDeps {
  readonly statements: Pick<RestStatements, "tryOut">;
  /** This worker's name in the fleet. */
  readonly worker: () => string;
  /** Tells whether this worker holds a slot there, so that it could make a trial call. */
  readonly hasSlots: (provider: string) => boolean;
  /** Asks for the model list to learn whether the provider takes our credential. */
  readonly checkKey: (provider: string) => Promise<"accepted" | "refused" | "unknown">;
  /** Is called when a provider's phase changes, with a reason when a rest begins. */
  readonly onChange: (provider: string, reason?: RestReason) => void;
  readonly onError: (error: unknown, provider: string) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** The rests of all providers, as far as one turn changes them. */
export interface RestTable {
  get(provider: string): Rest | undefined;
  isWriting(provider: string): boolean;
  /** Lets a provider rest again for the same reason. */
  restAgain(provider: string, reason: RestReason): void;
  /** Ends the wait before a trial. */
  wake(provider: string, rest: Rest): void;
}

/**
 * Does what is due at a provider: checks its credential, lets it rest again or asks for the trial.
 * Errors go to `onError`.
 */
export async function takeTurn(
  deps: RestTurnDeps,
  table: RestTable,
  provider: string,
  rest: Rest,
): Promise<void> {
  const { now, worker, statements, hasSlots, onChange, onError } = deps;
  try {
    if (rest.phase === "resting" && rest.reason === "credential")
      await askKey(deps, table, provider, rest);
    if (table.get(provider) !== rest) return;
    if (rest.phase === "resting") {
      if (now() < rest.untilMs) return;
      const isKnownSick = (rest.unwell && rest.lengthMs < usualLimits.capMs) || rest.keyRefused;
      rest.phase = "due";
      if (isKnownSick) return table.restAgain(provider, rest.reason);
      onChange(provider);
    }
    if (now() < rest.askAtMs || table.isWriting(provider)) return;
    rest.askAtMs = now() + ASK_MS;
    const mine = hasSlots(provider) && (await statements.tryOut(provider, worker(), TRIAL_MS));
    const current = table.get(provider);
    if (current !== rest || current.phase === "resting") return;
    const phase = mine ? "trying" : "due";
    if (current.phase === phase) return;
    rest.phase = phase;
    onChange(provider);
  } catch (error) {
    onError(error, provider);
  }
}

async function askKey(
  { now, checkKey }: Pick<RestTurnDeps, "now" | "checkKey">,
  table: Pick<RestTable, "wake">,
  provider: string,
  rest: Rest,
): Promise<void> {
  if (now() < rest.askAtMs) return;
  rest.askAtMs = now() + KEY_MS;
  const answer = await checkKey(provider);
  if (answer === "refused") rest.keyRefused = true;
  if (answer !== "accepted" || !rest.keyRefused) return;
  rest.keyRefused = false;
  table.wake(provider, rest);
  rest.askAtMs = now();
}
