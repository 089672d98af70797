/**
 * The whole way of a midwife through the console, on a stack that serves a model: sign in, send,
 * wait, look, sign out. tests/integration/test_console.py starts it; by itself it has no stack.
 */
import { readFileSync } from "node:fs";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, whyNot } from "./browser";

const {
  FEMO_CONSOLE_URL: url = "",
  FEMO_PERSON_EMAIL: email = "",
  FEMO_PERSON_PASSWORD: password = "",
  FEMO_RECORDING: recording = "",
  FEMO_VERSION_SERVING: serving = "",
  FEMO_VERSION_WAITING: waiting = "",
} = process.env;
const SUBJECT = "S-017";
const PATIENCE = { timeout: 60_000 };

describe.skipIf(whyNot !== null || !url)("the console on a stack", { timeout: 120_000 }, () => {
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const strangers: string[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
    const context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/London" });
    page = await context.newPage();
    await page.clock.install();
    page.on("console", (message) => {
      const isOurs = message.location().url.startsWith(url);
      if (message.type() === "error" && isOurs) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== "data:" && origin !== new URL(url).origin) strangers.push(request.url());
    });
  });
  afterAll(() => browser?.close());

  const heading = (name: string | RegExp) => page.getByRole("heading", { name, level: 1 });
  const axe = async () => (await new AxeBuilder({ page }).analyze()).violations;

  test("a person signs in at the pool and is where they wanted to be", async () => {
    await page.goto(`${url}#/upload`);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    expect(await axe()).toEqual([]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("Username").waitFor();
    expect(await axe()).toEqual([]);
    await page.getByLabel("Username").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.keyboard.press("Enter");
    await heading("Upload recordings").waitFor(PATIENCE);
    expect(page.url()).toBe(`${url}#/upload`);
  });

  test("leaves no token where another page or a later visitor could read it", async () => {
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    expect(kept).not.toMatch(/token|eyJ/i);
    expect(await page.evaluate(() => document.cookie)).toBe("");
  });

  test("sends a recording, and is told of a file that is none before it is sent", async () => {
    await page.getByLabel("Subject (pseudonym)").fill(SUBJECT);
    const none = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no recording") };
    await page.locator("input[type=file]").setInputFiles([none]);
    await page.getByText("This is no recording of the belt.").waitFor();
    await page.locator("input[type=file]").setInputFiles(recording);
    await page.getByRole("link", { name: "Open the job" }).waitFor(PATIENCE);
    expect(await axe()).toEqual([]);
  });

  test("waits for the night, and sees it", async () => {
    await page.getByRole("link", { name: "Open the job" }).click();
    await page
      .getByText(/could be judged/)
      .first()
      .waitFor(PATIENCE);
    await page
      .getByText(/contact your maternity unit now/)
      .first()
      .waitFor();
  });

  test("finds the job by its subject, with what was judged and counted", async () => {
    await page.getByRole("link", { name: "Jobs", exact: true }).first().click();
    await heading("Jobs").waitFor();
    await page.getByLabel("Subject").fill(SUBJECT);
    await page.getByRole("button", { name: "Filter" }).click();
    const row = page.getByRole("row").filter({ hasText: SUBJECT }).first();
    await row.getByText("Completed").waitFor(PATIENCE);
    const [length, judged, movements, rate] = (
      await row.locator("td.number").allTextContents()
    ).map((text) => text.trim());
    expect(length).toMatch(/ (min|h)$/);
    expect(judged).toMatch(/\d\s%$/);
    expect(Number(movements)).toBeGreaterThanOrEqual(0);
    expect(rate).toMatch(/^(\d+\.\d|–)$/);
    expect(await axe()).toEqual([]);
  });

  test("sees the nights of a subject beside each other", async () => {
    await page.getByRole("link", { name: SUBJECT, exact: true }).first().click();
    await page.getByText(`Subject: ${SUBJECT}`).waitFor(PATIENCE);
  });

  test("takes the result along as a table", async () => {
    await page.goto(`${url}#/jobs`);
    await page
      .getByRole("row")
      .filter({ hasText: SUBJECT })
      .first()
      .getByRole("link")
      .first()
      .click();
    const [download] = await Promise.all([
      page.waitForEvent("download", PATIENCE),
      page.getByRole("button", { name: /^Download CSV/ }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^console-.*\.csv$/);
    expect(readFileSync(await download.path(), "utf8").split("\n")[1]).toContain("summary");
  });

  test("sees which model serves, and may decide on one that waits", async () => {
    await page.getByRole("link", { name: "Models", exact: true }).click();
    await heading("Models").waitFor();
    const told = serving
      ? `Version ${serving} is in service.`
      : "None of these versions is in service.";
    await page.getByText(told).waitFor(PATIENCE);
    const approve = page.getByRole("button", { name: `Approve: version ${waiting}`, exact: true });
    await approve.click();
    await page.getByRole("dialog").getByText("its deployment begins at once").waitFor();
    expect(await axe()).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("is not asked again while the session lasts: a reload, a token that has run out", async () => {
    await page.goto(`${url}#/jobs`);
    await page.reload();
    await page.getByRole("link", { name: SUBJECT, exact: true }).first().waitFor(PATIENCE);
    const renewal = page.waitForRequest((request) =>
      Boolean(request.postData()?.includes("grant_type=refresh_token")),
    );
    await page.clock.fastForward("59:30");
    await page.getByLabel("Status").selectOption("Completed");
    await page.getByRole("button", { name: "Filter" }).click();
    await renewal;
    await page.getByRole("link", { name: SUBJECT, exact: true }).first().waitFor(PATIENCE);
    expect(page.url()).toContain("status=Completed");
  });

  test("reads why something does not work, and by what an operator finds it", async () => {
    await page.goto(`${url}#/jobs/there-is-none`);
    const alert = page.getByRole("alert");
    await alert.getByText("Code: job_not_found").waitFor(PATIENCE);
    expect(await alert.textContent()).toMatch(/Request: \S+/);
  });

  test("fits a phone", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const [hash, name] of [
      ["#/jobs", "Jobs"],
      ["#/upload", "Upload recordings"],
      ["#/models", "Models"],
    ] as const) {
      await page.goto(`${url}${hash}`);
      await heading(name).waitFor();
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, hash).toBeLessThanOrEqual(360);
      expect(await axe(), hash).toEqual([]);
    }
  });

  test("signs out for good", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor(PATIENCE);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("Password").waitFor();
  });

  test("nothing was loaded from elsewhere, and nothing refused by the page's own policy", () => {
    expect(strangers).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
