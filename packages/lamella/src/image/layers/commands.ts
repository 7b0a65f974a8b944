import type { CanonicalValue } from "../../files/canonical.ts";
import { requireOptions, show, splitTexts } from "../argument.ts";
import { DefinitionError } from "../error.ts";
import {
  encodeSecretMounts,
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";

/** Options of {@link Image.withCommands}. */
export interface CommandsOptions extends SecretMountsOptions {}

/** Shell commands, each run by itself. */
export interface CommandsLayer extends SecretMountsSettings {
  readonly kind: "commands";
  readonly commands: readonly string[];
}

const call = "withCommands";

export function commandsLayer(args: readonly unknown[]): CommandsLayer {
  const { texts, options } = splitTexts(args, call, `${call}: a command`);
  const known = requireOptions(options, call, secretMountsOptions);
  return {
    kind: "commands",
    commands: texts.map(requireCommand),
    ...secretMountsSettings(known, call),
  };
}

export function encodeCommands(layer: CommandsLayer): CanonicalValue {
  return { commands: layer.commands, secretMounts: encodeSecretMounts(layer) };
}

function requireCommand(text: string): string {
  if (text.trim() === "") {
    throw new DefinitionError(`${call}: a command is blank.`, "Leave it out, or give it.");
  }
  if (/^\s*RUN\s/.test(text)) {
    throw new DefinitionError(
      `${call}: ${show(text)} begins with RUN, as in a Dockerfile.`,
      "Leave RUN away: each command is run.",
    );
  }
  return text;
}
