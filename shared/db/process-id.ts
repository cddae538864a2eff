import { v7 as uuidv7 } from "uuid";

/** A new name in the fleet for a process: its lease, its inbox and what it owns carry it. */
export function newProcessId(kind: "api" | "worker"): string {
  return `${kind}_${uuidv7().replaceAll("-", "")}`;
}
