import { cadences, type Cadences } from "../../../shared/timing/cadences.ts";

const HOUR_MS = 3_600_000;

/**
 * A broker with these pauses does not find calls whose stop has got lost, nor attempts that nobody
 * runs, nor ends that nobody has told. So whatever ends in a test has ended by the short way, however
 * long the test waits for it.
 */
export const withoutRescue: Cadences = { ...cadences, stop: HOUR_MS, ended: HOUR_MS };
