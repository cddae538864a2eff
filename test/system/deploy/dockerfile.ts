import { readFileSync } from "node:fs";

/** Continuation lines are joined. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** A stage goes from its `FROM` to the next one. */
export interface Stage {
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(): Stage[] {
  const source = readFileSync(new URL("../../../config/Dockerfile", import.meta.url), "utf8");
  const lines = source
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "");
  const stages: { base: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push({ base: rest, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

/** Returns the words of an instruction's list form, such as `ENTRYPOINT ["node", "x"]`. */
export function listForm(stage: Stage, name: string): string[] {
  const found = stage.instructions.find((instruction) => instruction.name === name);
  const list = /\[.*\]$/.exec(found?.rest ?? "")?.[0];
  if (list === undefined) throw new Error(`${name} is not in its list form`);
  return JSON.parse(list) as string[];
}

/** Only copies from the repository count, not those from other stages. */
export function copied(stage: Stage): { sources: string[]; target: string }[] {
  return stage.instructions
    .filter(({ name, rest }) => name === "COPY" && !rest.startsWith("--from"))
    .map(({ rest }) => {
      const words = rest.split(" ");
      return { sources: words.slice(0, -1), target: words.at(-1) ?? "" };
    });
}
