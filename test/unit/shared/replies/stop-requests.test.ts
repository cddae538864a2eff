import { expect, test } from "vitest";
import { LocalStopRequests } from "../../../../shared/replies/stop-requests.ts";

test("a request reaches every listener of its job, and no other", () => {
  const stops = new LocalStopRequests();
  const heard: string[] = [];
  stops.listen("job_1", (reason) => heard.push(`a ${reason}`));
  stops.listen("job_1", (reason) => heard.push(`b ${reason}`));
  stops.listen("job_2", (reason) => heard.push(`c ${reason}`));
  stops.request("job_1", "disconnect");
  stops.request("job_3", "disconnect");
  expect(heard).toEqual(["a disconnect", "b disconnect"]);
});

test("a listener that leaves takes nobody with it, whichever of two leaves first", () => {
  for (const leaves of [0, 1]) {
    const stops = new LocalStopRequests();
    const heard: number[] = [];
    const leave = [0, 1].map((index) => stops.listen("job", () => heard.push(index)));
    leave[leaves]?.();
    stops.request("job", "x");
    expect(heard).toEqual([1 - leaves]);
  }
});

test("leaving twice, or after the job has new listeners, harms nobody", () => {
  const stops = new LocalStopRequests();
  const heard: string[] = [];
  const leaveFirst = stops.listen("job", () => heard.push("first"));
  leaveFirst();
  stops.listen("job", () => heard.push("second"));
  leaveFirst();
  stops.request("job", "x");
  expect(heard).toEqual(["second"]);
});

test("the same function listening twice is called until both have left", () => {
  const stops = new LocalStopRequests();
  let calls = 0;
  const listener = (): void => void calls++;
  const [leaveOne, leaveTwo] = [stops.listen("job", listener), stops.listen("job", listener)];
  leaveOne();
  stops.request("job", "x");
  expect(calls).toBeGreaterThan(0);
  leaveTwo();
  calls = 0;
  stops.request("job", "x");
  expect(calls).toBe(0);
});
