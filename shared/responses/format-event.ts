/** One event of a response's stream. */
export interface ResponseEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/**
 * Output begins with this number. The numbers from 0 belong to `response.created`, `.queued` and
 * `.in_progress`.
 */
export const FIRST_OUTPUT_SEQUENCE = 3;

/** Writes an event as text, with its blank line. */
export function formatEvent(event: ResponseEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
