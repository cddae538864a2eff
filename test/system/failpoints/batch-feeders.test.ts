import { describe } from "vitest";
import { frozenFeeder, killedFeeder, killedRunOfBatch } from "./batch-cases.ts";
import { casesOf } from "./cases-of.ts";
import { orderOfWorker } from "./order.ts";
import { playLater } from "./play-later.ts";
import { feederPoints, runPoints } from "./points.ts";

describe.concurrent("a batch has each line once whatever becomes of its feeder", () => {
  playLater({
    killed: [
      ...casesOf(feederPoints, killedFeeder, orderOfWorker),
      ...casesOf(runPoints, killedRunOfBatch, orderOfWorker),
    ],
    frozen: frozenFeeder,
  });
});
