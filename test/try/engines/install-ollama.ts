import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";
import { installLlamacpp } from "./install-llamacpp.ts";

/** The newest version that the Go module proxy has. */
export const ollamaVersion = "0.17.4";

const timeoutMs = 60 * 60_000;

/** Builds Ollama from its Go module; needs Go, and a C++ compiler for its runner. Returns the program file. */
export async function installOllama(): Promise<string> {
  // A module's archive leaves out every folder named `vendor`, where llama.cpp's C++ libraries
  // lie; those of llama.cpp's own source do.
  const { source } = await installLlamacpp();
  const headers = ["", "stb", "miniaudio"].map((name) => `-I${join(source, "vendor", name)}`);
  const dir = await installed(
    `ollama-${ollamaVersion}`,
    `ollama ${ollamaVersion}`,
    async (made) => {
      const step = {
        cwd: made,
        env: { CGO_ENABLED: "1", CGO_CFLAGS: "-O1", CGO_CXXFLAGS: ["-O1", ...headers].join(" ") },
        logFile: join(made, "install.log"),
        timeoutMs,
      };
      const module = "github.com/ollama/ollama";
      await writeFile(join(made, "go.mod"), "module try\n\ngo 1.24.0\n");
      await runCommand("go", ["get", `${module}@v${ollamaVersion}`], step);
      const version = `-X ${module}/version.Version=${ollamaVersion}`;
      await runCommand(
        "go",
        ["build", "-p", "1", "-ldflags", version, "-o", "ollama", module],
        step,
      );
    },
  );
  return join(dir, "ollama");
}
