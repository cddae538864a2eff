/** An execution as n8n shows it. */
export interface Execution {
  readonly status: string;
  /** Returns the output of the last node, or of a node by its name. */
  output(node?: string): unknown;
  /** The execution's page shows this text in red: message and description, or nothing. */
  readonly error: string;
  /** Returns how often a node ran. */
  runs(node: string): number;
}

interface NodeRun {
  readonly data?: Record<string, readonly (readonly { readonly json: unknown }[] | null)[]>;
}

interface RunData {
  readonly resultData: {
    readonly error?: {
      readonly message?: string;
      readonly description?: string | null;
      readonly messages?: readonly string[];
    };
    readonly lastNodeExecuted?: string;
    readonly runData: Readonly<Record<string, readonly NodeRun[]>>;
  };
}

/** Reads an execution from an answer of n8n's REST API. */
export function readExecution(answer: unknown): Execution {
  const { status, data } = answer as { status: string; data: string };
  const { error, lastNodeExecuted, runData } = (unflatten(data) as RunData).resultData;
  const words = [error?.message, error?.description, ...(error?.messages ?? [])];
  return {
    status,
    output(node = lastNodeExecuted ?? "") {
      const [items] = Object.values(runData[node]?.at(-1)?.data ?? {}).flat();
      return items?.[0]?.json;
    },
    error: words.filter((each) => (each ?? "") !== "").join(" | "),
    runs: (node) => runData[node]?.length ?? 0,
  };
}

/**
 * Reads the format of the npm package `flatted`, in which n8n stores runs: a list of values that
 * refer to each other by index.
 */
function unflatten(text: string): unknown {
  const places = JSON.parse(text) as unknown[];
  const read = new Map<number, unknown>();
  const at = (place: number): unknown => {
    if (read.has(place)) return read.get(place);
    const value = places[place];
    if (typeof value !== "object" || value === null) return value;
    const copy: unknown = Array.isArray(value) ? [] : {};
    read.set(place, copy);
    for (const [name, of] of Object.entries(value)) {
      // A string is an index, and strings themselves are list entries too.
      (copy as Record<string, unknown>)[name] = typeof of === "string" ? at(Number(of)) : of;
    }
    return copy;
  };
  return at(0);
}
