import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./run-chaos.ts";
import { runTerminations } from "./terminations/run-terminations.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    rate: { type: "string", default: "30" },
    // Options for `terminations` only.
    of: { type: "string", default: "postgres" },
    alone: { type: "boolean", default: false },
    count: { type: "string", default: "5000" },
    "per-second": { type: "string", default: "40" },
    logs: { type: "string" },
  },
});

const numberOf = (name: "seconds" | "seed" | "rate" | "count" | "per-second"): number => {
  const number = Number(values[name]);
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${name}: ${values[name]}`);
  return number;
};

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (!interrupted.signal.aborted) console.log("Interrupted: everything is stopped and removed.");
    interrupted.abort();
  });

const directory = values.logs ?? (await mkdtemp(join(tmpdir(), "spillway-chaos-")));
const run = {
  seed: numberOf("seed"),
  directory,
  log: (line: string) => console.log(line),
  interrupted: interrupted.signal,
};
const differences =
  positionals[0] === "terminations"
    ? await runTerminations({
        ...run,
        of: values.of === "redis" ? "redis" : "postgres",
        alone: values.alone,
        count: numberOf("count"),
        perSecond: numberOf("per-second"),
        rate: numberOf("rate"),
      })
    : await runChaos({ ...run, seconds: numberOf("seconds"), perSecond: numberOf("rate") });
if (differences > 0) console.log(`logs         ${directory}`);
else if (values.logs === undefined) await rm(directory, { recursive: true, force: true });
process.exitCode = differences > 0 || interrupted.signal.aborted ? 1 : 0;
