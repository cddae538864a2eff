export type Compaction = "item" | "object";

/** What a response object says beside the request's own fields. */
export interface ResponseContext {
  /** `resp_…` */
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The public model name. */
  readonly model: string;
  readonly background: boolean;
  readonly store: boolean;
  readonly previousResponseId: string | null;
  /**
   * The answer summarises the conversation: as a `compaction` item of the response, or as the object of
   * `/v1/responses/compact`, with the user's messages.
   */
  readonly compaction?: Compaction;
  /** `conv_…`, to which input and output are added when it is done. */
  readonly conversation?: string;
}
