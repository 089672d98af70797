import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Relative addresses, as neither the stage nor a base path is known when this is built.
export default defineConfig({
  base: "./",
  plugins: [preact()],
  build: {
    outDir: local("../functions/console/femo_console/site"),
    emptyOutDir: true,
    assetsInlineLimit: 0, // a data: address would need a wider Content-Security-Policy
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
  },
});
