/** The models in the built console: seen by everybody, decided on by those who may. */
import AxeBuilder from "@axe-core/playwright";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { components } from "../../src/api/schema.gen";
import { openBrowser, whyNot } from "./browser";
import { type FakeService, openService } from "./fakeService";

type Model = components["schemas"]["ModelView"];
type Deployment = components["schemas"]["DeploymentView"];

const ME = "5f1c2b8e-8a4d-4c55-9d0f-2f6f0c1d7e3a";
const APPROVER = { sub: ME, email: "ann@example.org", "cognito:groups": ["modelApprovers"] };
const OTHER = { sub: ME, email: "ann@example.org", "cognito:groups": ["others"] };

const metric = (value: number, low: number | null = null, high: number | null = null) => ({
  value,
  low,
  high,
});
const model = (version: number, changes: Partial<Model>): Model => ({
  version,
  modelPackage: `femo-prod/${version}`,
  createdAt: "2026-11-20T10:00:00.000Z",
  approval: { status: "Approved", userId: ME, comment: "Held against 7 on 40 new nights." },
  serves: [],
  metrics: {
    f1: metric(0.712, 0.65, 0.77),
    sensitivity: metric(0.684, 0.61, 0.742),
    chance_sensitivity: metric(0.118),
    chance_sensitivity_upper: metric(0.151),
    precision: metric(0.741, 0.66, 0.8),
    false_detections_per_hour: metric(4.2),
    true_positive: metric(412),
    average_precision: metric(0.77),
  },
  gain: { f1: 0.021, low: -0.008, high: 0.049, comparedWith: `femo-prod/${version - 1}` },
  ...changes,
});
const MODELS: Model[] = [
  model(9, { approval: { status: "PendingManualApproval", userId: null, comment: null } }),
  model(8, { serves: ["asynchronous", "serverless"] }),
  model(7, { approval: { status: "Approved", userId: null, comment: null }, gain: null }),
  model(6, {
    approval: {
      status: "Rejected",
      userId: "0b1c2b8e-8a4d-4c55-9d0f-2f6f0c1d7e3b",
      comment: "Misses hiccups.",
    },
    metrics: {},
  }),
];
const begun: Deployment = {
  deploymentId: "api-0123456789abcdef",
  version: 7,
  status: "Running",
  outcome: null,
  message: null,
  startedAt: "2026-11-26T17:00:00.000Z",
  endedAt: null,
};

describe.skipIf(whyNot !== null)("the models in the console", () => {
  let browser: Browser;
  let service: FakeService;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await openBrowser();
    service = await openService();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.close();
  });
  beforeEach(() => {
    service.changes = [];
    service.claims = APPROVER;
    service.answers.clear();
    service.answers.set("GET /models", () => ({ body: { models: MODELS } }));
  });
  afterEach(() => page?.context().close());

  async function open(options: BrowserContextOptions = {}, hash = "#/models") {
    const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
    page = await context.newPage();
    complaints = [];
    await page.clock.install();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${service.url}console/${hash}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Models", level: 1 }).waitFor();
    await page.getByRole("table").waitFor();
  }
  const row = (version: number) =>
    page
      .getByRole("row")
      .filter({ has: page.getByText(`femo-prod/${version}`, { exact: true }) })
      .first();

  test("each version has its figures, with interval and chance beside them, and no zero for nothing", async () => {
    await open();
    const told = await row(8).innerText();
    for (const words of [
      "In service: the queue and the fast lane",
      "Held against 7 on 40 new nights.",
      "Decided by you",
      "95 %: 0.650 to 0.770",
      "by chance 0.118 (95 % below 0.151)",
      "over femo-prod/7",
    ]) {
      expect(told).toContain(words);
    }
    expect(await row(6).innerText()).toMatch(/(not measured\s+){4}/);
    expect(await row(7).innerText()).toContain("nothing to compare with");
    await page.getByRole("button", { name: "All figures of version 8" }).click();
    await page.getByRole("dialog").getByText("Average precision").waitFor();
    expect(complaints).toEqual([]);
  });

  test("who is not of the group sees the figures, is told why there is more, and has no button for it", async () => {
    service.claims = OTHER;
    await open();
    await page.getByText(/members of the group modelApprovers/).waitFor();
    expect(await row(8).innerText()).toContain("0.712");
    expect(await page.getByRole("button", { name: /Approve|Reject|Deploy|Go back/ }).count()).toBe(
      0,
    );
  });

  test("an approval says what it does, asks why, and is sent once", async () => {
    service.answers.set("POST /models/9/approval", () => ({ body: MODELS[0] }));
    await open();
    await page.getByRole("button", { name: "Approve: version 9" }).click();
    const dialog = page.getByRole("dialog", { name: "Approve version 9?" });
    await dialog.getByText("its deployment begins at once").waitFor();
    await dialog.getByRole("button", { name: "Approve and deploy" }).click();
    await dialog.getByText("Say why, in one line.").waitFor();
    expect(service.changes).toEqual([]);
    await dialog.getByLabel("Why").fill("Held against 8.");
    await page.keyboard.press("Enter");
    await page.getByText("Version 9 is approved").waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    // What was looked at, so that nobody is overruled who has decided since.
    const sent = {
      decision: "Approved",
      comment: "Held against 8.",
      expectedStatus: "PendingManualApproval",
    };
    expect(service.changes).toEqual([`POST /models/9/approval ${JSON.stringify(sent)}`]);
  });

  test("going back to an old version asks first, and is followed to its outcome", async () => {
    let now = begun;
    service.answers.set("POST /deployments", () => ({ status: 202, body: begun }));
    service.answers.set(`GET /deployments/${begun.deploymentId}`, () => ({ body: now }));
    await open();
    await page.getByRole("button", { name: "Go back to it: version 7" }).click();
    const dialog = page.getByRole("dialog", { name: "Deploy version 7?" });
    await dialog.getByText("Version 7 takes the place of version 8.").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect(service.changes).toEqual([]);
    await page.getByRole("button", { name: "Go back to it: version 7" }).click();
    await page.getByRole("button", { name: "Deploy version 7", exact: true }).click();
    await page.getByText("Version 7: being deployed").waitFor();
    expect(service.changes).toEqual(['POST /deployments {"version":7}']);
    now = {
      ...begun,
      status: "Ended",
      outcome: "ROLLED_BACK",
      message: "Version 7 is not in service, the old model is.",
      endedAt: "2026-11-26T17:09:00.000Z",
    };
    await page.clock.fastForward("00:06");
    await page.getByText("Version 7: rolled back").waitFor();
    await page.getByText("Version 7 is not in service, the old model is.").waitFor();
    expect(page.url()).toContain(`#/models?deployment=${begun.deploymentId}`);
  });

  test("what the service refuses is told where it was asked for, and nothing is lost", async () => {
    const error = { code: "not_an_approver", message: "Only a person of the group may do this." };
    service.answers.set("POST /models/9/approval", () => ({ status: 403, body: { error } }));
    await open();
    await page.getByRole("button", { name: "Reject: version 9" }).click();
    const dialog = page.getByRole("dialog", { name: "Reject version 9?" });
    await dialog.getByLabel("Why").fill("Misses hiccups.");
    await dialog.getByRole("button", { name: "Reject" }).click();
    await dialog.getByText("Only a person of the group may do this.").waitFor();
    expect(await dialog.getByLabel("Why").inputValue()).toBe("Misses hiccups.");
  });

  test.each([
    ["light", { viewport: { width: 1280, height: 900 } }],
    ["dark", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" as const }],
    ["at 360 px", { viewport: { width: 360, height: 740 } }],
  ])("axe finds nothing, and nothing is to be moved sideways: %s", async (_name, options) => {
    await open(options);
    const violations = async () => (await new AxeBuilder({ page }).analyze()).violations;
    expect(await violations()).toEqual([]);
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
    ).toBeLessThanOrEqual(0);
    await page.getByRole("button", { name: "Approve: version 9" }).click();
    await page.getByRole("dialog").waitFor();
    expect(await violations()).toEqual([]);
  });
});
