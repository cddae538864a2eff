import {
  accepts,
  cancels,
  deletes,
  expires,
  losesCaller,
  regainsCaller,
  type HostScenario,
} from "./host-scenarios.ts";
import type { HostPoint, OwnerPoint } from "./points.ts";

export const killedHost: Readonly<Record<HostPoint, HostScenario>> = {
  "before find keyed": accepts("keyed"),
  "after find keyed": accepts("async"),
  "before read attempt": accepts("stream"),
  "after read attempt": accepts("stream"),
  "before delete": deletes,
  "after delete": deletes,
  "before expire": expires,
  "after expire": expires,
  "before record lost": losesCaller,
  "after record lost": losesCaller,
  "before attach lost": regainsCaller,
  "after attach lost": regainsCaller,
  "before announce": cancels,
  "after announce": cancels,
};

/** Owned jobs pass these points too. Accepted jobs outlive the process, and come once. */
export const killedAccepting: Readonly<Partial<Record<OwnerPoint, HostScenario>>> = {
  "before rank": accepts("async"),
  "before accept": accepts("keyed"),
  "after accept": accepts("async"),
  "before add entry": accepts("background"),
  "after add entry": accepts("keyed"),
  "before end": cancels,
  "after end": cancels,
};
