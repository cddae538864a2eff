import type { Arming, FromChild } from "./messages.ts";

/**
 * Keeps the points of this child process. At an armed one the process reports that and stops, until
 * it is killed or continued.
 */
export class Failpoints {
  readonly #points: ReadonlySet<string>;
  readonly #passed = new Set<string>();
  #armed: Arming | undefined;

  constructor(points: Iterable<string>) {
    this.#points = new Set(points);
  }

  /** Replaces what was armed before, and forgets the points that were passed. */
  arm(arming: Arming): void {
    this.#armed = arming;
    this.#passed.clear();
  }

  /** Returns at once, except at the armed point: there it returns when the process is continued. */
  reach(point: string, about: unknown): void {
    if (!this.#points.has(point)) {
      tell({ unnamed: point });
      return;
    }
    if (this.#armed?.point === point) this.#stopIf(this.#armed, toText(about));
    this.#passed.add(point);
  }

  #stopIf({ point, about }: Arming, text: string): void {
    if (!new RegExp(about).test(text)) return;
    this.#armed = undefined;
    tell({ reached: point, about: text, passed: [...this.#passed] });
    // This stops all threads at once, so nothing more is done.
    process.kill(process.pid, "SIGSTOP");
  }

  /** Runs a step between its two points. */
  async around<Value>(step: string, about: unknown, act: () => Promise<Value>): Promise<Value> {
    this.reach(`before ${step}`, about);
    const value = await act();
    this.reach(`after ${step}`, [about, value]);
    return value;
  }
}

/** Sends a message to the test. */
export function tell(message: FromChild): void {
  process.send?.(message);
}

function toText(about: unknown): string {
  return JSON.stringify(about, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}
