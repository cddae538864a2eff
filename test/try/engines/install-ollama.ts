import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";
import { installLlamacpp } from "./install-llamacpp.ts";

/** The newest version that the Go module proxy has. */
export const OLLAMA_VERSION = "0.17.4";

const TIMEOUT_MS = 60 * 60_000;

/**
 * Builds Ollama from its Go module. It needs Go, and a C++ compiler for its runner. Returns the
 * program file.
 */
export async function installOllama(): Promise<string> {
  // A module's archive omits every folder named `vendor`, where llama.cpp's C++ libraries are;
  // those in llama.cpp's own source work too.
  const { source } = await installLlamacpp();
  const headers = ["", "stb", "miniaudio"].map((name) => `-I${join(source, "vendor", name)}`);
  const dir = await installed(
    `ollama-${OLLAMA_VERSION}`,
    `ollama ${OLLAMA_VERSION}`,
    async (made) => {
      const step = {
        cwd: made,
        env: { CGO_ENABLED: "1", CGO_CFLAGS: "-O1", CGO_CXXFLAGS: ["-O1", ...headers].join(" ") },
        logFile: join(made, "install.log"),
        timeoutMs: TIMEOUT_MS,
      };
      const module = "github.com/ollama/ollama";
      await writeFile(join(made, "go.mod"), "module try\n\ngo 1.24.0\n");
      await runCommand("go", ["get", `${module}@v${OLLAMA_VERSION}`], step);
      const version = `-X ${module}/version.Version=${OLLAMA_VERSION}`;
      await runCommand(
        "go",
        ["build", "-p", "1", "-ldflags", version, "-o", "ollama", module],
        step,
      );
    },
  );
  return join(dir, "ollama");
}
