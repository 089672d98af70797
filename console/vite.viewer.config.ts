import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [preact(), viteSingleFile()],
  build: {
    outDir: local("../femo_cli/viewer"),
    emptyOutDir: true,
    rolldownOptions: { input: local("viewer.html") },
  },
});
