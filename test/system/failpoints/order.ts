import type { ApiPoint, WorkerPoint } from "./points.ts";

/**
 * Lists the points that a worker must have passed before a point: no message leaves before its
 * statement has run.
 */
export const orderOfWorker: Readonly<Partial<Record<WorkerPoint, readonly WorkerPoint[]>>> = {
  "before open periods": ["after sync providers"],
  "before register": ["after open periods"],
  "before report health": ["after register"],
  "before send started": ["after claim"],
  "call begun": ["after claim"],
  "before send result": ["call answered"],
  "before settle": ["call answered"],
  "before send end": ["after settle"],
  "after run entry": ["after settle"],
  "before send enqueue": ["after move"],
  "before notice enqueue": ["after close lost"],
  "before notice end": ["after end"],
  "before forget": ["after end jobs of dead owner", "after record lost"],
  "before forget events": ["after forget accepted"],
  "before forget webhooks": ["after forget events"],
  "before forget files": ["after forget webhooks"],
  "before forget lines": ["after forget files"],
  "before forget conversations": ["after forget lines"],
  "before turn batch": ["after claim batches"],
  "before add lines": ["after turn batch"],
  "before begin batch": ["after add lines"],
  "before refuse line": ["after begin batch"],
  "before resume batch": ["after pause batch"],
  "before unregister": ["after release batches"],
  "before accept": ["after begin batch", "after refuse line"],
  "before finish batch": ["after write lines", "before sum batch", "after sum batch"],
  "before find waiting": ["after move"],
  "before add entry": ["after find waiting"],
  "webhook begun": ["after claim webhooks"],
  "before hold slots": ["after lock slots"],
  "before unlock slot": ["after free slot"],
};

/** Lists the same for an API. */
export const orderOfApi: Readonly<Partial<Record<ApiPoint, readonly ApiPoint[]>>> = {
  "before beat": ["after register"],
  "before rank": ["after find key"],
  "before accept": ["after find key"],
  "before add entry": ["after accept", "after rank"],
  "before remove entry": ["after end"],
  "before send stop": ["after end"],
};
