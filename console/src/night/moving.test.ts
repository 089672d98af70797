import { expect, test } from "vitest";
import { backNight, forwardNight } from "../../tests/nights";
import { aligned, noonBefore } from "./align";
import { keyed } from "./gestures";
import { endOf, startOf } from "./response";
import { around, fitted, moved, SHORTEST_SECONDS, scaled } from "./span";
import { ticksBetween } from "./ticks";

const HOUR = 3600;

test("what is shown never leaves the recording", () => {
  expect(fitted({ start: -50, end: 50 }, HOUR)).toEqual({ start: 0, end: 100 });
  expect(moved({ start: 3500, end: 3600 }, 500, HOUR)).toEqual({ start: 3500, end: 3600 });
  expect(around(3590, 600, HOUR)).toEqual({ start: 3000, end: 3600 });
  expect(scaled({ start: 0, end: 3000 }, 8, HOUR)).toEqual({ start: 0, end: 3600 });
  expect(fitted({ start: 0, end: 600 }, 10)).toEqual({ start: 0, end: 10 });
});

test("scaling leaves the moment under the fingers where it is, down to the shortest", () => {
  expect(scaled({ start: 1000, end: 1100 }, 0.5, HOUR, 0.2)).toEqual({ start: 1010, end: 1060 });
  const closest = scaled({ start: 1000, end: 1001 + SHORTEST_SECONDS }, 0.001, HOUR);
  expect(closest.end - closest.start).toBeCloseTo(SHORTEST_SECONDS);
});

test("the keyboard reaches every moment and every movement", () => {
  const state = { shown: { start: 1000, end: 1100 }, duration: HOUR, moments: [500, 1050, 2000] };
  expect(keyed("ArrowRight", state)).toEqual({ start: 1025, end: 1125 });
  expect(keyed("Home", state)).toEqual({ start: 0, end: 100 });
  expect(keyed("End", state)).toEqual({ start: 3500, end: 3600 });
  expect(keyed("+", state)).toEqual({ start: 1025, end: 1075 });
  expect(keyed("n", state)).toEqual({ start: 1950, end: 2050 });
  expect(keyed("p", state)).toEqual({ start: 450, end: 550 });
  expect(keyed("0", state)).toEqual({ start: 0, end: HOUR });
  expect(keyed("Tab", state)).toBeNull();
});

test("an axis has round local times, whatever the zone's offset", () => {
  const start = Date.parse("2025-06-01T20:07:12Z");
  const ticks = ticksBetween(start, start + 20 * 60_000, "Asia/Kathmandu", 5);
  expect(ticks.map(({ text }) => text)).toEqual(["01:55", "02:00", "02:05", "02:10"]);
});

test("nights are laid under each other by the local clock, each as long as it was", () => {
  const results = [forwardNight().result, backNight().result];
  const nights = aligned(results, "Europe/London");
  const starts = nights.map(({ from }) => -from);
  // 21:47 and 22:12 by the local clocks, on a scale that begins at 21:00
  expect(starts).toEqual([47 * 60, HOUR + 12 * 60]);
  expect(new Set(nights.map(({ from, to }) => to - from)).size).toBe(1);
  for (const [number, { to }] of nights.entries()) {
    const result = results[number];
    expect(result && to * 1000 + startOf(result)).toBeGreaterThanOrEqual(
      result ? endOf(result) : 0,
    );
  }
});

test("the noon before a night is the local one, also on the day of a change", () => {
  const noon = (text: string) =>
    new Date(noonBefore(Date.parse(text), "Europe/London")).toISOString();
  expect(noon("2025-03-30T01:30:00Z")).toBe("2025-03-29T12:00:00.000Z");
  expect(noon("2025-03-30T20:00:00Z")).toBe("2025-03-30T11:00:00.000Z");
  expect(noon("2025-03-30T11:00:00Z")).toBe("2025-03-30T11:00:00.000Z");
});
