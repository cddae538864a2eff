/** What a response object says beside the request's own fields. */
export interface ResponseFacts {
  /** `resp_…` */
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** The public model name. */
  readonly model: string;
  readonly background: boolean;
  readonly store: boolean;
  readonly previousResponseId: string | null;
}
