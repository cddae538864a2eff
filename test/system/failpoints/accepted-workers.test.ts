import { describe } from "vitest";
import { casesOf } from "./cases-of.ts";
import { frozenLater, killedKeeper, killedRunLater } from "./later-cases.ts";
import { orderOfWorker } from "./order.ts";
import { playLater } from "./play-later.ts";
import { keeperPoints, runPoints } from "./points.ts";

describe.concurrent("an accepted job is owed whatever becomes of a worker, and its end is told", () => {
  playLater({
    killed: [
      ...casesOf(keeperPoints, killedKeeper, orderOfWorker),
      ...casesOf(runPoints, killedRunLater, orderOfWorker),
    ],
    frozen: frozenLater,
  });
});
