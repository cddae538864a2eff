/** One event of a response's stream. */
export interface ResponseEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/** `response.created`, `.queued` and `.in_progress` come first, from 0; then what was generated. */
export const FIRST_OUTPUT_SEQUENCE = 3;

/** An event as text, with its blank line. */
export function formatEvent(event: ResponseEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
