import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./run-chaos.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    rate: { type: "string", default: "30" },
    logs: { type: "string" },
  },
});

const numberOf = (name: "seconds" | "seed" | "rate"): number => {
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
const differences = await runChaos({
  seconds: numberOf("seconds"),
  seed: numberOf("seed"),
  perSecond: numberOf("rate"),
  directory,
  log: (line) => console.log(line),
  interrupted: interrupted.signal,
});
if (differences > 0) console.log(`logs         ${directory}`);
else if (values.logs === undefined) await rm(directory, { recursive: true, force: true });
process.exitCode = differences > 0 || interrupted.signal.aborted ? 1 : 0;
