export type Compaction = "item" | "object";

/** The values that a response object needs beside the fields of its request. */
export interface ResponseContext {
  /** The response's id: `resp_…`. */
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The public model name. */
  readonly model: string;
  readonly background: boolean;
  readonly store: boolean;
  readonly previousResponseId: string | null;
  /**
   * Present when the answer summarises the conversation: as a `compaction` item of the response,
   * or, with the user's messages, as the object of `/v1/responses/compact`.
   */
  readonly compaction?: Compaction;
  /**
   * The id of a conversation (`conv_…`). It gets the input and the output when the response is
   * done.
   */
  readonly conversation?: string;
}
