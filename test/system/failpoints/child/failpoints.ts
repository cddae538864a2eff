import type { Arming, FromChild } from "./messages.ts";

/** The points of this child process. At an armed one it says so and stops, to be killed or to go on. */
export class Failpoints {
  readonly #points: ReadonlySet<string>;
  readonly #passed = new Set<string>();
  #armed: Arming | undefined;

  constructor(points: Iterable<string>) {
    this.#points = new Set(points);
  }

  /** Takes the place of what was armed before. */
  arm(arming: Arming): void {
    this.#armed = arming;
  }

  /** Comes back at once, but for the armed point: there when the process is continued. */
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
    // All threads, here and now: what was not done so far is not done.
    process.kill(process.pid, "SIGSTOP");
  }

  /** A promised step with its two points. */
  async around<Value>(step: string, about: unknown, act: () => Promise<Value>): Promise<Value> {
    this.reach(`before ${step}`, about);
    const value = await act();
    this.reach(`after ${step}`, [about, value]);
    return value;
  }
}

/** To the test. */
export function tell(message: FromChild): void {
  process.send?.(message);
}

function toText(about: unknown): string {
  return JSON.stringify(about, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}
