import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const SITE = join(import.meta.dirname, "../../../functions/console/femo_console/site");
const MOST_BYTES = 150 * 1024;

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

test("all of the built console, compressed, is soon there on a slow line", () => {
  const sizes = files(SITE).map((path) => gzipSync(readFileSync(path)).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_BYTES);
});

test("the page runs nothing and looks like nothing that its policy would refuse", () => {
  const page = readFileSync(join(SITE, "index.html"), "utf8");
  expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?:\/\//);
  expect(page).toMatch(/src="\.\/assets\//);
});
