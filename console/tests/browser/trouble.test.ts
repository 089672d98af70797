/** The built console where something goes wrong for a while, or nobody uses a mouse. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { forwardNight } from "../nights";
import { openBrowser, whyNot } from "./browser";
import { type FakeService, openService } from "./fakeService";

const job = {
  ...forwardNight(),
  jobId: "night",
  status: "Completed",
  s3Key: "s3://recordings/s017.dat",
  createdAt: "2026-11-26T17:00:00.000Z",
};

describe.skipIf(whyNot !== null)("the console in trouble", () => {
  let browser: Browser;
  let service: FakeService;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
    service = await openService();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.close();
  });
  beforeEach(async () => {
    service.claims = { sub: "u", email: "ann@example.org" };
    service.answers.clear();
    service.answers.set("GET /jobs", () => ({ body: { jobs: [job], nextToken: null } }));
    service.answers.set("GET /jobs/night", () => ({ body: job }));
    page = await (await browser.newContext({ locale: "en-GB", timezoneId: "UTC" })).newPage();
    await page.clock.install();
  });
  afterEach(() => page?.context().close());

  async function signIn(hash: string) {
    await page.goto(`${service.url}console/${hash}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
  }

  test("a night is seen by a page that was open while the console was renewed", async () => {
    const gone = /nightViews/;
    await page.route(gone, (route) => route.fulfill({ status: 404 }));
    await signIn("#/jobs/night");
    const again = page.getByRole("button", { name: "Load the page again" });
    await again.waitFor();
    expect(await page.getByText("Drawing the night").count()).toBe(0);
    await page.unroute(gone);
    await again.click();
    await page.getByRole("heading", { name: /29 to Sun 30 March 2025/, level: 1 }).waitFor();
  });

  test("the session goes on after the pool could not renew it for a while", async () => {
    await signIn("#/jobs");
    await page.getByRole("table").waitFor();
    service.answers.set("POST /token", () => ({ status: 429, body: { error: "slow_down" } }));
    await page.clock.fastForward("59:30");
    await page.getByText("cannot renew your session now").waitFor();
    expect(await page.getByRole("button", { name: "Sign in again" }).count()).toBe(0);
    service.answers.delete("POST /token");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("alert").waitFor({ state: "detached" });
    await page.getByRole("table").waitFor();
  });

  test("each status can be reached by the arrow keys, and is applied when it is asked for", async () => {
    await signIn("#/jobs");
    await page.getByRole("table").waitFor();
    const status = page.getByLabel("Status");
    await status.focus();
    for (const _ of ["Queued", "Completed", "Failed"]) await page.keyboard.press("ArrowDown");
    expect(await status.inputValue()).toBe("Failed");
    expect(await status.evaluate((one) => one === document.activeElement)).toBe(true);
    expect(page.url()).not.toContain("status=");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL(/status=Failed$/);
  });
});
