import type { AcceptedJob, JobFilter } from "../../shared/jobs/accepted-job.ts";

/** The statuses of OpenAI's responses, which jobs have too. */
export const jobStatuses = [
  "queued",
  "in_progress",
  "completed",
  "incomplete",
  "failed",
  "cancelled",
] as const;

export type JobStatus = (typeof jobStatuses)[number];

/** Words a job's state as the API does. */
export function jobStatus({
  state,
  response_status,
}: Pick<AcceptedJob, "state" | "response_status">): JobStatus {
  if (state === "done") return response_status ?? "completed";
  return statuses[state];
}

const statuses = {
  waiting: "queued",
  running: "in_progress",
  cancelled: "cancelled",
  failed: "failed",
  expired: "failed",
} as const;

type StatusFilter = Pick<JobFilter, "states" | "responseStatus">;

const filters: Readonly<Record<JobStatus, StatusFilter>> = {
  queued: { states: ["waiting"], responseStatus: null },
  in_progress: { states: ["running"], responseStatus: null },
  completed: { states: ["done"], responseStatus: "completed" },
  incomplete: { states: ["done"], responseStatus: "incomplete" },
  failed: { states: ["failed", "expired"], responseStatus: null },
  cancelled: { states: ["cancelled"], responseStatus: null },
};

/** Returns the filter for a status. Without a status all jobs pass. */
export function statusFilter(status: JobStatus | undefined): StatusFilter {
  return status === undefined ? { states: null, responseStatus: null } : filters[status];
}
