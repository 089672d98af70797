import { expect, test } from "vitest";
import {
  changeText,
  clockChanges,
  hourRows,
  isZone,
  nightText,
  teller,
  timeText,
  wallAt,
  zones,
  zoneText,
} from "./clock";

const LONDON = "Europe/London";
const at = (text: string) => Date.parse(text);
const labels = (from: string, to: string, zone: string) =>
  hourRows(at(from), at(to), zone).map(
    ({ startMs }) => `${timeText(startMs, zone)} ${zoneText(startMs, zone)}`,
  );

test("a night in which the clocks go forward has no row for the hour that did not happen", () => {
  expect(labels("2025-03-29T22:10:00Z", "2025-03-30T03:00:00Z", LONDON)).toEqual([
    "22:00 GMT",
    "23:00 GMT",
    "00:00 GMT",
    "02:00 BST",
    "03:00 BST",
  ]);
});

test("a night in which the clocks go back has two rows for the hour that happened twice", () => {
  expect(labels("2025-10-25T22:30:00Z", "2025-10-26T02:30:00Z", LONDON)).toEqual([
    "23:00 BST",
    "00:00 BST",
    "01:00 BST",
    "01:00 GMT",
    "02:00 GMT",
  ]);
});

test("the rows of days of 23, 24 and 25 hours are as many as hours passed", () => {
  const hoursOf = (day: string, next: string) => hourRows(at(day), at(next), LONDON).length;
  expect(hoursOf("2025-03-30T00:00:00Z", "2025-03-30T23:00:00Z")).toBe(23);
  expect(hoursOf("2025-10-25T23:00:00Z", "2025-10-27T00:00:00Z")).toBe(25);
  expect(hoursOf("2025-06-01T23:00:00Z", "2025-06-02T23:00:00Z")).toBe(24);
});

test("rows follow each other without a gap and begin with a full local hour", () => {
  for (const zone of [LONDON, "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "UTC"]) {
    const rows = hourRows(at("2025-03-29T20:17:31.250Z"), at("2025-03-30T06:00:00Z"), zone);
    expect(rows[0]?.startMs).toBeLessThanOrEqual(at("2025-03-29T20:17:31.250Z"));
    rows.forEach((row, number) => {
      expect(wallAt(row.startMs, zone)).toMatchObject({ minute: 0, second: 0 });
      expect(row.endMs - row.startMs).toBe(3_600_000);
      if (number) expect(row.startMs).toBe(rows[number - 1]?.endMs);
    });
  }
});

test("where the clocks change by half an hour, rows are back at full hours after it", () => {
  const zone = "Australia/Lord_Howe"; // 02:00 to 02:30 on 2025-10-05, 15:30 UTC the day before
  const rows = hourRows(at("2025-10-04T13:30:00Z"), at("2025-10-04T18:00:00Z"), zone);
  expect(rows.map(({ startMs }) => timeText(startMs, zone))).toEqual([
    "00:00",
    "01:00",
    "02:30",
    "03:00",
    "04:00",
  ]);
  expect(rows[2] && rows[2].endMs - rows[2].startMs).toBe(1_800_000);
});

test("a recording that begins with an hour begins with that hour's row", () => {
  expect(labels("2025-01-06T21:00:00Z", "2025-01-06T22:00:00Z", "UTC")).toEqual(["21:00 UTC"]);
});

test("a change of the clocks is told to the second, with the names of both times", () => {
  const [forward] = clockChanges(at("2025-03-29T21:47:00Z"), at("2025-03-30T05:47:00Z"), LONDON);
  expect(forward).toEqual({ atMs: at("2025-03-30T01:00:00Z"), forward: 3600 });
  expect(forward && changeText(forward, LONDON)).toBe(
    "The clocks went forward by 1 h: 00:59:59 GMT was followed by 02:00 BST.",
  );
  const [back] = clockChanges(at("2025-10-25T21:12:00Z"), at("2025-10-26T05:12:00Z"), LONDON);
  expect(back).toEqual({ atMs: at("2025-10-26T01:00:00Z"), forward: -3600 });
  expect(clockChanges(at("2025-06-01T21:00:00Z"), at("2025-06-02T06:00:00Z"), LONDON)).toEqual([]);
});

test("times name their zone where the clocks change, as an hour may happen twice", () => {
  const [from, to] = [at("2025-10-25T21:12:00Z"), at("2025-10-26T05:12:00Z")];
  const tell = teller(from, to, LONDON);
  expect([tell(at("2025-10-26T00:30:00Z")), tell(at("2025-10-26T01:30:00Z"))]).toEqual([
    "01:30 BST",
    "01:30 GMT",
  ]);
  expect(teller(from, to, "UTC")(from)).toBe("21:12");
});

test("midnight is 00:00 of the new day, and the days of a night are named once", () => {
  expect(timeText(at("2025-06-01T23:00:00Z"), LONDON, { seconds: true })).toBe("00:00:00");
  const night = (from: string, to: string) => nightText(at(from), at(to), LONDON);
  expect(night("2025-03-29T21:47:00Z", "2025-03-30T05:47:00Z")).toBe("Sat 29 to Sun 30 March 2025");
  expect(night("2025-01-31T21:00:00Z", "2025-02-01T05:00:00Z")).toBe(
    "Fri 31 January 2025 to Sat 1 February 2025",
  );
  expect(night("2025-01-31T10:00:00Z", "2025-01-31T11:00:00Z")).toBe("Fri 31 January 2025");
});

test("a zone that is none is known as such, and the list holds the one that is asked for", () => {
  expect(isZone("Europe/London")).toBe(true);
  expect(isZone("Europe/Lodnon")).toBe(false);
  expect(zones("Etc/GMT+3")).toContain("Etc/GMT+3");
  expect(zones()).toContain("UTC");
});
