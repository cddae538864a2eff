/** What the simulated upstream says, as the pieces that a stream sends one by one. */
export const answerTokens: readonly string[] =
  "A spillway lets the overflow of a dam out, safely and measured, before the water finds a way of its own.".split(
    /(?= )/,
  );
