import type { Browser } from "playwright-core";
import { extractText, getDocumentProxy } from "unpdf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backNight, changed, forwardNight, shortNight, thinNight, unjudgedNight } from "../nights";
import { openBrowser, whyNot } from "./browser";
import { faults, open, pageOf } from "./pages";

const NARROW = { width: 360, height: 780 };

/** The same night, ten hours long. */
function longNight() {
  const response = forwardNight();
  const { recording } = response.result;
  const duration = 36_000;
  const tail = { reason: "gap", start_seconds: recording.duration_seconds, end_seconds: duration };
  return changed(response, {
    recording: {
      ...recording,
      duration_seconds: duration,
      unjudged: [...recording.unjudged, tail],
      unjudged_seconds: { ...recording.unjudged_seconds, gap: 7_920 },
    },
  });
}

describe.skipIf(whyNot)("a night in a browser", () => {
  let browser: Browser;
  const job = {
    ...forwardNight(),
    jobId: "night-017",
    subjectId: "S-017",
    source: { s3Key: "s3://recordings/input-data/s017.dat", versionId: "v.1", etag: null },
  };
  const address = whyNot ? "" : pageOf([job]);

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  test("an A4 page holds a night of eight hours, with text that can be selected", async () => {
    const { page } = await open(browser, address);
    const pdf = await page.pdf({ preferCSSPageSize: true });
    const document = await getDocumentProxy(new Uint8Array(pdf));
    expect(document.numPages).toBe(1);
    const [, , width, height] = (await document.getPage(1)).view;
    expect([Math.round(width ?? 0), Math.round(height ?? 0)]).toEqual([595, 842]);
    const { text } = await extractText(document, { mergePages: true });
    const { recording, model, movement_count: count } = job.result;
    const told = [
      "Sat 29 to Sun 30 March 2025",
      "7 h 06 min of 8 h 00 min could be judged",
      "contact your maternity unit now",
      ...["S-017", "s3://recordings/input-data/s017.dat", "night-017", "FeMo belt, format v1"],
      ...[model.version, model.settings_digest, recording.start, job.completedTimeStamp],
      ...[`Movements ${count}`, "The clocks went forward by 1 h", "22:00 GMT", "sensor 3"],
    ];
    for (const words of told) expect(text.replaceAll(/\s+/g, " ")).toContain(words);
  });

  test.each([
    ["v2", backNight],
    ["of ten hours", longNight],
    ["that could not be judged", unjudgedNight],
    ["of twenty minutes", shortNight],
  ])("a night %s prints on one page, too", async (_name, night) => {
    const { page, complaints } = await open(browser, pageOf([night()]));
    const document = await getDocumentProxy(
      new Uint8Array(await page.pdf({ preferCSSPageSize: true })),
    );
    expect(document.numPages).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("the file asks nobody for anything, and nothing in it breaks its own policy", async () => {
    const { page, requests, complaints } = await open(browser, address);
    await page.getByRole("button", { name: "Later" }).click();
    await page.getByText(/^All \d+ events/).click();
    await page.getByLabel("Time zone").selectOption("America/New_York");
    await page.getByText("17:47 GMT-4 to").waitFor();
    expect(requests).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("what a file's name holds cannot run, and is shown as it is", async () => {
    const name = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>.dat";
    const { page, complaints } = await open(browser, pageOf([forwardNight()], { recording: name }));
    expect(await page.title()).toBe("FeMo: Sat 29 to Sun 30 March 2025");
    expect(await page.getByText(name).count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test.each([
    ["light", { colorScheme: "light" as const }],
    ["dark", { colorScheme: "dark" as const }],
    ["at 360 px", { viewport: NARROW }],
  ])("axe finds nothing: %s", async (_name, options) => {
    expect(await faults(browser, pageOf([thinNight()]), options)).toEqual([]);
  });

  test("axe finds nothing on several nights and on one that could not be judged", async () => {
    const several = pageOf([thinNight(), thinNight()]);
    expect(await faults(browser, several, { viewport: NARROW })).toEqual([]);
    expect(await faults(browser, pageOf([unjudgedNight()]), {})).toEqual([]);
  });

  test("several nights stand under each other, each with what was judged, and whose they are", async () => {
    const several = pageOf([forwardNight(), backNight()], { subject: "S-017" });
    const { page, complaints } = await open(browser, several);
    await page.getByText("Subject: S-017").waitFor();
    const lines = await page.getByRole("region").allInnerTexts();
    expect(lines.map((line) => /[\d hmin]+ of 8 h 00 min could be judged/.exec(line)?.[0])).toEqual(
      ["7 h 06 min of 8 h 00 min could be judged", "7 h 19 min of 8 h 00 min could be judged"],
    );
    expect(complaints).toEqual([]);
  });

  test("a page of 360 px is read without moving it sideways", async () => {
    for (const night of [job, backNight(), unjudgedNight(), shortNight()]) {
      const { page } = await open(browser, pageOf([night]), { viewport: NARROW });
      const wide = await page.evaluate(() =>
        document.documentElement.scrollWidth > innerWidth
          ? [...document.querySelectorAll(".night *")]
              .filter((one) => one.getBoundingClientRect().right > innerWidth)
              .map((one) => one.outerHTML.slice(0, 120))
          : [],
      );
      expect(wide).toEqual([]);
    }
  });

  test("a screen reader hears what was judged first, then every hour's numbers", async () => {
    const { page } = await open(browser, address);
    const tree = await page.locator("article").ariaSnapshot();
    const judged = tree.indexOf("7 h 06 min of 8 h 00 min could be judged");
    expect(judged).toBeGreaterThan(0);
    expect(judged).toBeLessThan(tree.indexOf("Hour by hour"));
    expect(tree).toContain("For research use.");
    const rows = page.getByRole("table", { name: /hour by hour/i }).getByRole("row");
    const told = await rows.allInnerTexts();
    const counts = told.map((row) => /\n?\s*(\d+)\s+\d+ of \d+/.exec(row)?.[1]).filter(Boolean);
    expect(counts.map(Number).reduce((sum, one) => sum + one, 0)).toBe(job.result.movement_count);
    const pictures = await page
      .getByRole("img")
      .evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
    expect(pictures.join("\n")).toMatch(/22:00 GMT: .* judged; 54 movements, .*hiccups taken out/);
  });

  test("the charts draw each movement, press and bout, and each stretch that was not judged", async () => {
    const { page } = await open(browser, address);
    const { result } = job;
    const drawn = (selector: string) => page.locator(`.night-hours ${selector}`).count();
    const [start, hour] = [Date.parse(result.recording.start), 3_600_000];
    const parts = (rows: { start_seconds: number; end_seconds: number }[]) =>
      rows.reduce((sum, row) => {
        const [from, to] = [start + 1000 * row.start_seconds, start + 1000 * row.end_seconds];
        return sum + Math.floor((to - 0.001) / hour) - Math.floor(from / hour) + 1;
      }, 0);
    expect(await drawn(".night-movement")).toBe(parts(result.movements ?? []));
    expect(await drawn(".night-at")).toBe(result.presses.length);
    expect(await drawn(".night-bout")).toBe(parts(result.hiccup_bouts ?? []));
    expect(await drawn("rect[data-reason]")).toBe(parts(result.recording.unjudged));
  });

  test("the keyboard moves and scales the minutes, and goes from movement to movement", async () => {
    const { page } = await open(browser, address);
    const shown = page.locator(".night-shown");
    const zoom = page.getByRole("group", { name: "Strength of the sensors" });
    await zoom.focus();
    const first = await shown.innerText();
    await page.keyboard.press("PageDown");
    expect(await shown.innerText()).toBe("21:57:30 to 22:07:30 GMT (10.0 min)");
    await page.keyboard.press("+");
    expect(await shown.innerText()).toBe("22:00:00 to 22:05:00 GMT (5.0 min)");
    await page.keyboard.press("n");
    const events = page.getByRole("table", { name: /^Events from/ });
    expect(
      await events.getByRole("cell", { name: "Movement", exact: true }).count(),
    ).toBeGreaterThan(0);
    await page.keyboard.press("0");
    expect(await shown.innerText()).toContain("(8 h 00 min)");
    await page.keyboard.press("Home");
    expect(first).toContain("21:47:30");
  });

  test("a click on a row shows its minutes, a drag those it covers, a finger moves them", async () => {
    const { page } = await open(browser, address, { hasTouch: true });
    const shown = page.locator(".night-shown");
    const row = page.getByRole("row", { name: /^23:00 GMT/ }).locator(".night-row");
    const box = await row.boundingBox();
    if (!box) throw new Error("there is no row of 23:00");
    const y = box.y + box.height / 2;
    await page.mouse.click(box.x + box.width / 2, y);
    expect(await shown.innerText()).toBe("23:25:00 to 23:35:00 GMT (10.0 min)");
    await page.mouse.move(box.x + box.width / 4, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, y, { steps: 4 });
    await page.mouse.up();
    expect(await shown.innerText()).toBe("23:15:00 to 23:30:00 GMT (15.0 min)");
    await page.getByRole("button", { name: "03:00 BST: show its minutes" }).tap();
    expect(await shown.innerText()).toBe("03:00:00 to 04:00:00 BST (60.0 min)");
  });

  test("a result without an overview says so, and still shows its events", async () => {
    const { overview: _, ...result } = forwardNight().result;
    const { page } = await open(browser, pageOf([{ ...forwardNight(), result } as never]));
    await page.getByText("This result has no overview: the strength").waitFor();
    await page.getByText("height: strength not known").waitFor();
    expect(await page.locator(".night-hours .night-movement").count()).toBeGreaterThan(300);
  });

  test("a screen reader hears of minutes that could not be judged no count of movements", async () => {
    const { page } = await open(browser, pageOf([unjudgedNight()]));
    const told = (await page.locator("#night-summary").textContent()) ?? "";
    expect(told).toContain("movements not counted, hiccup bouts not counted");
    expect(told).not.toMatch(/\b0 (movement|hiccup)/);
  });

  test("an eight-hour night is there within a second of work, minutes and all", async () => {
    const page = await (await browser.newContext()).newPage();
    const session = await page.context().newCDPSession(page);
    // The time of the page's own thread, as other programs may have the processors.
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.goto(address);
    await page.locator(".night-curve canvas").last().waitFor();
    const { metrics } = await session.send("Performance.getMetrics");
    const seconds = metrics.find(({ name }) => name === "TaskDuration")?.value;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(1);
  });

  test("no page gives a verdict", async () => {
    for (const night of [job, backNight(), unjudgedNight(), shortNight()]) {
      const { page } = await open(browser, pageOf([night]));
      const text = await page.locator("article").innerText();
      expect(text).not.toMatch(/\b(normal|abnormal|healthy|reassur|all well|alarm|good|bad)\b/i);
      expect(text).not.toMatch(/\b(null|NaN|undefined|Infinity)\b/);
    }
  });
});
