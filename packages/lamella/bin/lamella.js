#!/usr/bin/env node
// In the repository before the first build, so that npm can link the command when it installs.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  await import("../dist/cli.js");
} else {
  console.error(`error: Lamella needs Node 22.18 or newer; this is ${process.version}.`);
  process.exitCode = 1;
}
