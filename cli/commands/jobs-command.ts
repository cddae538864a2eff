import { Command, Option } from "commander";
import type { Lookup } from "../../config/environment.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import { clientFor, clientOptions, type ClientFlags } from "../client/client-options.ts";
import { jobPageSchema, jobSchema, type Job } from "../client/job.ts";
import { readAnswer } from "../client/read-answer.ts";
import { RequestError } from "../client/request-error.ts";
import { resultText } from "../client/result-text.ts";
import { waitForJob, type WaitTimes } from "../client/wait-for-job.ts";
import { givenId, wholeNumber } from "./option-values.ts";
import { tableText } from "../table.ts";

interface JobsDeps {
  readonly stdout: { write(text: string): unknown };
  readonly lookup: Lookup;
  readonly waitTimes?: WaitTimes;
}

interface Flags extends ClientFlags {
  readonly json?: true;
}

interface ListFlags extends Flags {
  readonly status?: string;
  readonly model?: string;
  readonly limit: number;
}

const STATUSES = ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"];
const PAGE = 100;
const WAIT_TIMES: WaitTimes = { waitS: 60, pauseMs: 1_000, patienceMs: 60_000 };

/** `spillway jobs list|show|wait|cancel`: a key's accepted jobs. */
export function jobsCommand(deps: JobsDeps): Command {
  const { stdout, lookup, waitTimes = WAIT_TIMES } = deps;
  const print = (job: Job, { json }: Flags): void => {
    stdout.write(json ? `${JSON.stringify(job, null, 2)}\n` : jobTable([job]));
  };
  const command = new Command("jobs").description("look at, await and cancel accepted jobs");
  const withId = (name: string, description: string): Command =>
    clientOptions(
      command
        .command(name)
        .description(description)
        .argument("<id>", "`job_…`, or `resp_…`", givenId),
    );

  clientOptions(command.command("list").description("list a key's jobs, newest first"))
    .addOption(new Option("--status <status>", "only these").choices(STATUSES))
    .option("--model <name>", "only of this model")
    .addOption(
      new Option("--limit <number>", "how many at most").argParser(wholeNumber).default(20),
    )
    .option("--json", "print JSON")
    .action(async (flags: ListFlags) => {
      const jobs = await readJobs(clientFor(flags, lookup), flags);
      if (flags.json) stdout.write(`${JSON.stringify({ object: "list", data: jobs }, null, 2)}\n`);
      else stdout.write(jobs.length === 0 ? "No such jobs.\n" : jobTable(jobs));
    });

  withId("show", "show a job")
    .option("--json", "print JSON")
    .action(async (id: string, flags: Flags) => {
      const response = await clientFor(flags, lookup)(pathOf(id));
      const job = await readAnswer(response, jobSchema);
      if (flags.json) print(job, flags);
      else stdout.write(jobText(job));
    });

  withId("wait", "wait until a job has ended; fails unless it is completed")
    .option("--result", "print the answer instead of the job")
    .option("--json", "print JSON")
    .action(async (id: string, flags: Flags & { readonly result?: true }) => {
      const client = clientFor(flags, lookup);
      const job = await waitForJob(client, pathOf(id), waitTimes);
      const hasResult = job.status === "completed" || job.status === "incomplete";
      if (flags.result && hasResult) {
        const body = await (await client(`${pathOf(id)}/result`)).text();
        stdout.write(`${(flags.json ? body : resultText(body)).trimEnd()}\n`);
      } else if (!flags.result) print(job, flags);
      if (job.status !== "completed") throw new RequestError(endOf(job));
    });

  withId("cancel", "cancel a job; one that has ended stays as it is")
    .option("--json", "print JSON")
    .action(async (id: string, flags: Flags) => {
      const client = clientFor(flags, lookup);
      const response = await client(`${pathOf(id)}/cancel`, { method: "POST" });
      print(await readAnswer(response, jobSchema), flags);
    });
  return command;
}

/** A response is a job; only the prefix of its id differs. */
function pathOf(id: string): string {
  return `/jobs/${encodeURIComponent(id.replace(/^resp_/, "job_"))}`;
}

async function readJobs(client: BrokerClient, flags: ListFlags): Promise<Job[]> {
  const jobs: Job[] = [];
  for (;;) {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, flags.limit - jobs.length)) });
    if (flags.status !== undefined) query.set("status", flags.status);
    if (flags.model !== undefined) query.set("model", flags.model);
    const last = jobs.at(-1);
    if (last !== undefined) query.set("after", last.id);
    const response = await client(`/jobs?${query.toString()}`);
    const { data, has_more: hasMore } = await readAnswer(response, jobPageSchema);
    jobs.push(...data);
    if (!hasMore || data.length === 0 || jobs.length >= flags.limit) return jobs;
  }
}

function jobTable(jobs: readonly Job[]): string {
  const head = ["id", "status", "model", "endpoint", "created", "took", "usd", "error"];
  return tableText(
    head,
    jobs.map((job) => [
      job.id,
      job.status,
      job.model,
      job.endpoint,
      timeOf(job.created_at),
      tookOf(job),
      costOf(job),
      job.error?.code ?? "-",
    ]),
  );
}

function jobText(job: Job): string {
  const lines = [
    ["id", job.id],
    ["status", job.status],
    ["model", job.model],
    ["endpoint", job.endpoint],
    ["provider", job.provider ?? "-"],
    ["attempts", String(job.attempts)],
    ["created", timeOf(job.created_at)],
    ["started", timeOf(job.started_at)],
    ["ended", timeOf(job.completed_at)],
    ["deadline", timeOf(job.expires_at)],
    ["usd", costOf(job)],
    ["error", job.error === null ? "-" : `${job.error.code}: ${job.error.message}`],
  ];
  return lines.map(([name = "", value = ""]) => `${name.padEnd(8)}  ${value}\n`).join("");
}

function timeOf(seconds: number | null): string {
  return seconds === null ? "-" : new Date(seconds * 1_000).toISOString().replace(".000", "");
}

function tookOf({ created_at: created, completed_at: ended }: Job): string {
  return ended === null ? "-" : `${ended - created}s`;
}

function costOf({ cost }: Job): string {
  return cost.estimated ? `${cost.amount} (estimated)` : cost.amount;
}

function endOf({ id, status, error }: Job): string {
  const end = `${id} ended as ${status}`;
  return error === null ? end : `${end}: ${error.code}: ${error.message}`;
}
