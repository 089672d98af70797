/** The browser of these tests: Debian's Chromium, or the one that CHROMIUM names. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PATH = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why these tests cannot be run here, or null where they can. */
export const whyNot: string | null = existsSync(PATH)
  ? null
  : `no Chromium at ${PATH}: install Debian's (apt-get install chromium), or name one in CHROMIUM`;

if (whyNot) console.warn(`Skipped: ${whyNot}`);

/** A browser that speaks to nobody by itself. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: PATH,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
