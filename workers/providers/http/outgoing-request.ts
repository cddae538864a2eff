/** One HTTP request, without its origin. */
export interface OutgoingRequest {
  readonly method: "GET" | "POST";
  /** The path with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}
