import { expect, test } from "vitest";
import { DefinitionError } from "../error.ts";
import { commandsLayer } from "./commands.ts";

test("commands are kept as they are written", () => {
  const commands = ["  make \\\n  install", "echo 'a  b'"];
  expect(commandsLayer(commands).commands).toEqual(commands);
});

test.each([[" "], ["RUN make"], [["a", ["b"]]], [1]])("%j is no command", (command) => {
  expect(() => commandsLayer([command])).toThrow(DefinitionError);
});
