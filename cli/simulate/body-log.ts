import type { JsonObject } from "../../shared/json/json-object.ts";
import type { SimulatedEndpoint } from "./inference-request.ts";

/** The body of one inference call, also of a refused one. */
export interface LoggedBody {
  readonly endpoint: SimulatedEndpoint;
  readonly clientRequestId: string | undefined;
  readonly body: JsonObject;
}

/** The last request bodies that were JSON objects, oldest first. */
export class BodyLog {
  readonly #size: number;
  #bodies: LoggedBody[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  add(logged: LoggedBody): void {
    this.#bodies.push(logged);
    if (this.#bodies.length > this.#size) this.#bodies.shift();
  }

  all(): readonly LoggedBody[] {
    return [...this.#bodies];
  }

  reset(): void {
    this.#bodies = [];
  }
}
