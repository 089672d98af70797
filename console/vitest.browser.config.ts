import { defineConfig } from "vitest/config";

// In a real browser, which tests/browser/browser.ts starts: the built pages, as people have them.
export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
