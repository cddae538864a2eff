/** The one model, at the upstream as at every system before it. */
export const benchModel = "bench-model";
