import { watchForeignLoad } from "../measure/foreign-load.ts";
import { describeMachine, describePostgres } from "../measure/machine.ts";
import type { Measurement } from "../measure/measure.ts";
import type { BenchOptions, BenchRun } from "../options.ts";
import { marks } from "../report/marks.ts";
import { loadName, markdown, resultTable } from "../report/table.ts";
import { startSystems } from "../systems/start-systems.ts";
import { TITLES } from "../systems/system.ts";
import { measureRequests } from "./measure-requests.ts";
import { warmUp } from "./warm-up.ts";

/** Runs the whole comparison. Returns the table, the marks and the machine as Markdown. */
export async function compareRequests(options: BenchOptions, run: BenchRun): Promise<string> {
  run.progress("starting the systems");
  const { systems, stop } = await startSystems(options.systems, run);
  try {
    const databaseUrl = systems.findLast((system) => system.databaseUrl)?.databaseUrl;
    const machine = [await describeMachine()];
    if (databaseUrl !== undefined) machine.push(await describePostgres(databaseUrl));
    run.progress("warming up");
    await warmUp(run.generator, systems, options.window);
    const foreignShare = watchForeignLoad(systems);
    const measurements = await measureRequests({
      ...options,
      generator: run.generator,
      systems,
      onMeasured: (m) => {
        const error = m.firstError === undefined ? "" : `, ${m.errors} errors: ${m.firstError}`;
        run.progress(
          `${loadName(m)}: ${TITLES[m.system]} ${m.perSecond.toFixed(0)} requests/s${error}`,
        );
      },
    });
    machine.push(`other programs used ${(foreignShare() * 100).toFixed(0)} %`);
    return [resultTable(measurements), markTable(measurements), machine.join("; ")].join("\n\n");
  } finally {
    await stop();
  }
}

function markTable(measurements: readonly Measurement[]): string {
  return markdown([
    ["mark", "wanted", "got", "met"],
    ...marks(measurements).map(({ name, wanted, got, isMet }) => [
      name,
      wanted,
      got,
      isMet ? "yes" : "no",
    ]),
  ]);
}
