const MIB = 1024 * 1024;

export const MAX_FILE_BYTES = 512 * MIB;
/** Of an upload that comes in parts. */
export const MAX_PART_BYTES = 64 * MIB;
export const MAX_PARTS = 10_000;
/** How often an upload gives a sign of life: far more often than silent ones are swept. */
export const TOUCH_MS = 60_000;
