#!/usr/bin/env node
// In the repository before the first build, so that npm can link the command when it installs.
import "../dist/cli.js";
