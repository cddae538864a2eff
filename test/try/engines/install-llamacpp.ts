import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";
import { installPython } from "./python-packages.ts";

/** The version of the PyPI package whose source archive contains the engine's source. */
export const LLAMACPP_VERSION = "0.3.36";

const SCRIPT = fileURLToPath(new URL("make-gguf.py", import.meta.url));
const MINUTE_MS = 60_000;
const OPTIONS = [
  "-DCMAKE_BUILD_TYPE=Release",
  "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG",
  "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",
  "-DLLAMA_BUILD_TESTS=OFF",
  "-DLLAMA_BUILD_EXAMPLES=OFF",
  "-DLLAMA_BUILD_APP=OFF",
  "-DLLAMA_BUILD_UI=OFF",
  "-DLLAMA_USE_PREBUILT_UI=OFF",
  "-DLLAMA_OPENSSL=OFF",
  "-DGGML_CCACHE=OFF",
];

interface Llamacpp {
  /** The server's program file. */
  readonly server: string;
  /** llama.cpp's source folder has the header-only libraries in it. */
  readonly source: string;
  /** An interpreter with `gguf` and `numpy`. */
  readonly python: string;
}

/**
 * Builds llama.cpp's server from the source archive of llama-cpp-python. It needs cmake and a C++
 * compiler.
 */
export async function installLlamacpp(): Promise<Llamacpp> {
  const recipe = `llama-cpp-python ${LLAMACPP_VERSION} ${OPTIONS.join(" ")}`;
  const dir = await installed(`llamacpp-${LLAMACPP_VERSION}`, recipe, async (made) => {
    const step = { logFile: join(made, "install.log"), timeoutMs: 60 * MINUTE_MS, cwd: made };
    const python = await installPython(made, ["gguf==0.19.0", "numpy", "pip"]);
    const archive = [`llama-cpp-python==${LLAMACPP_VERSION}`, "--no-binary", "llama-cpp-python"];
    await runCommand(python, ["-m", "pip", "download", "-q", "--no-deps", ...archive], step);
    await runCommand("tar", ["xzf", `llama_cpp_python-${LLAMACPP_VERSION}.tar.gz`], step);
    await runCommand("cmake", ["-S", sourceIn(made), "-B", "build", ...OPTIONS], step);
    await runCommand("cmake", ["--build", "build", "--target", "llama-server", "-j1"], step);
  });
  return {
    server: join(dir, "build", "bin", "llama-server"),
    source: sourceIn(dir),
    python: join(dir, "venv", "bin", "python"),
  };
}

/** Makes a small model with random weights as a GGUF file. Returns its path. */
export async function makeGguf(contextLength: number): Promise<string> {
  const { python } = await installLlamacpp();
  const recipe = `${contextLength} ${await readFile(SCRIPT, "utf8")}`;
  const dir = await installed("gguf-model", recipe, (made) =>
    runCommand(python, [SCRIPT, join(made, "tiny.gguf"), String(contextLength)], {
      logFile: join(made, "install.log"),
      timeoutMs: 10 * MINUTE_MS,
    }),
  );
  return join(dir, "tiny.gguf");
}

function sourceIn(dir: string): string {
  return join(dir, `llama_cpp_python-${LLAMACPP_VERSION}`, "vendor", "llama.cpp");
}
