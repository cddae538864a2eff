import { expect, test } from "vitest";
import { canKeepFiles } from "../../support/memory-files.ts";

const GIB = 1024 ** 3;
const root = "/dev/vda / ext4 rw,relatime 0 0";
const shared = (options: string) => `${root}\ntmpfs /dev/shm tmpfs ${options} 0 0\n`;

test.each([
  ["a roomy one", shared("rw,relatime,size=24684092k"), 8 * GIB, true],
  ["a container's, which is small", shared("rw,nosuid,nodev,size=65536k"), 64 * 1024 ** 2, false],
  ["one that runs no programs", shared("rw,nosuid,nodev,noexec"), 8 * GIB, false],
  ["a folder of the disk", `${root}\n`, 8 * GIB, false],
  ["a disk that is mounted there", "/dev/vdb /dev/shm ext4 rw 0 0\n", 8 * GIB, false],
])("%s: whether a run keeps its files in memory", (_what, mounts, freeBytes, expected) => {
  expect(canKeepFiles({ mounts, freeBytes })).toBe(expected);
});
