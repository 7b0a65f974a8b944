import { foundBy } from "../../config/default-image/decide.ts";
import {
  type DefaultImageExplanation,
  explainDefaultImage,
} from "../../config/default-image/default-images.ts";
import { type FindImageOptions, findImage } from "../../config/default-image/find-image.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../terminal/line.ts";
import { table } from "../terminal/table.ts";
import { loadSettings } from "./settings.ts";

export interface DefaultImageFlags extends CommonFlags {
  readonly python?: string;
  readonly version?: string;
  readonly explain?: boolean;
}

/** `lamella default-image`: the image on stdout; with `--explain`, who said what below it. */
export async function defaultImageAction(
  this: CliContext,
  { python, version, explain, config }: DefaultImageFlags,
): Promise<void> {
  const settings = await loadSettings(this, config);
  const { cwd, env, process } = this;
  const asked = python !== undefined || version !== undefined;
  const lines = asked
    ? await publishedLines({ cwd, env, pythonVersion: python, ...sdkVersion(version) })
    : decisionLines(await explainDefaultImage({ cwd, env, config: settings }));
  const shown = explain ? lines : lines.slice(0, 1);
  for (const line of shown) process.stdout.write(`${printable(line)}\n`);
}

/** `flyte` is the SDK from 2 on. */
function sdkVersion(version: string | undefined): FindImageOptions {
  if (version === undefined) return {};
  const major = Number(/^v?(\d+)/.exec(version)?.[1] ?? 0);
  return major >= 2 ? { flyteVersion: version } : { flytekitVersion: version };
}

async function publishedLines(options: FindImageOptions): Promise<readonly string[]> {
  const found = await findImage(options);
  return [found.image, `  published for ${foundBy(found)}`];
}

function decisionLines({ image, decidedBy, answers }: DefaultImageExplanation): readonly string[] {
  const rows = answers.map(({ step, image: said = "-", reason }) => [
    step === decidedBy ? "*" : " ",
    step,
    said,
    reason,
  ]);
  return [image, ...table(rows, ["left", "left", "left", "left"])];
}
