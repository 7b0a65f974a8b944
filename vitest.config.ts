import { defineConfig, type ViteUserConfig } from "vitest/config";

// `npm test` is the quick part; what needs root, engines or minutes is named *.slow.test.ts and runs in script/test.
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "quick",
          include: ["packages/*/src/**/*.test.ts", "bench/*.test.ts"],
          exclude: ["**/*.slow.test.ts", "**/node_modules/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "slow",
          include: ["packages/*/src/**/*.slow.test.ts", "test/**/*.slow.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          globalSetup: "packages/lamella/testing/uv-on-path.ts",
        },
      },
    ],
  },
});

export default config;
