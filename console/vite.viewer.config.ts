import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Lets the file run what it was built with, and nothing else: a result that is put into it later
 * may hold whatever a file name can, and nothing of the file may reach a network.
 */
function strictPolicy(): Plugin {
  const sources = (html: string, element: RegExp) =>
    [...html.matchAll(element)].map(([, text]) => {
      const digest = createHash("sha256")
        .update(text ?? "")
        .digest("base64");
      return `'sha256-${digest}'`;
    });
  return {
    name: "strict-policy",
    enforce: "post",
    generateBundle: {
      order: "post", // once all has been put into the page
      handler(_options, bundle) {
        const page = bundle["viewer.html"];
        if (page?.type !== "asset") throw new Error("viewer.html was not built");
        const html = String(page.source)
          .replaceAll(' crossorigin=""', "")
          .replaceAll(" crossorigin", "");
        const scripts = sources(html, /<script type="module">([\s\S]*?)<\/script>/g);
        const styles = sources(html, /<style[^>]*>([\s\S]*?)<\/style>/g);
        if (scripts.length !== 1 || !styles.length)
          throw new Error("viewer.html is no single file");
        const policy = [
          "default-src 'none'",
          `script-src ${scripts.join(" ")}`,
          `style-src ${styles.join(" ")}`,
          "base-uri 'none'",
          "form-action 'none'",
        ].join("; ");
        const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
        page.source = html.replace(/<head>/, `<head>\n    ${meta}`);
      },
    },
  };
}

export default defineConfig({
  plugins: [preact(), viteSingleFile(), strictPolicy()],
  publicDir: false,
  build: {
    outDir: local("../femo_cli/viewer"),
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: local("viewer.html") },
  },
});
