/** The single file of a night with results in it, as `femo report` writes it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { NightResponse } from "../../src/night/response";

const VIEWER = join(import.meta.dirname, "../../../femo_cli/viewer/viewer.html");
const EMPTY = '<script type="application/json" id="embedded"></script>';

const folder = mkdtempSync(join(tmpdir(), "femo-nights-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let written = 0;

/** Writes a page as femo_cli/viewing.py does; that it does so is tested in Python. */
export function pageOf(responses: NightResponse[], facts: Record<string, string> = {}): string {
  const viewer = readFileSync(VIEWER, "utf8");
  const data = { responses, zone: "Europe/London", recording: null, subject: null, ...facts };
  const text = JSON.stringify(data).replaceAll("<", "\\u003c");
  const file = join(folder, `${++written}.html`);
  writeFileSync(
    file,
    viewer.replace(EMPTY, () => EMPTY.replace("><", `>${text}<`)),
  );
  return pathToFileURL(file).href;
}

export interface Opened {
  page: Page;
  /** What the page asked for beyond itself. */
  requests: string[];
  /** What it wrote to the console, and what failed in it. */
  complaints: string[];
}

export async function open(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    if (request.url() !== address) requests.push(request.url());
  });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  await page.getByRole("heading", { level: 1 }).waitFor();
  // The minutes are drawn after the first view; several nights have none.
  await page.locator(".night-minutes, .night-several").first().waitFor();
  return { page, requests, complaints };
}

/** What axe finds on a page, a line each; axe itself is let past the page's own policy. */
export async function faults(browser: Browser, address: string, options: BrowserContextOptions) {
  const { page } = await open(browser, address, { ...options, bypassCSP: true });
  const { violations } = await new AxeBuilder({ page }).analyze();
  await page.context().close();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
