import { expect, test } from "vitest";
import { forwardNight } from "../../tests/nights";
import { levelsOf, strengths } from "./levels";
import { heightOf } from "./looks";
import type { Overview } from "./result.gen";

const overview: Overview = {
  seconds_per_sample: 1,
  sample_count: 4,
  level_unit: "z",
  level_offset: 1,
  level_step: 0.5,
  unusable_byte: 255,
  groups: [
    {
      group: "piezo",
      sensors: ["sensor_3"],
      usable_seconds: 3,
      seen_level: 3,
      levels: btoa("\x00\x06\xff\x0a"),
    },
    {
      group: "imu",
      sensors: ["imu"],
      usable_seconds: 4,
      seen_level: 9,
      levels: btoa("\xfe\xfe\xfe\xfe"),
    },
    { group: "acoustic", sensors: [], usable_seconds: 0, seen_level: 3, levels: null },
  ],
};
const levels = (number: number) => levelsOf(overview, overview.groups[number] as never);

test("a byte is the level that the result's own scale says, and 255 none at all", () => {
  expect(levels(0)).toEqual([1, 4, null, 6]);
  expect(levels(2)).toEqual([null, null, null, null]);
});

test("a movement is as strong as the baby's sensors say, whatever the mother does", () => {
  const movement = (start_seconds: number, end_seconds: number) => ({
    start: "",
    end: "",
    start_seconds,
    end_seconds,
    probability: 0.9,
    sensors: [],
  });
  const movements = [movement(0.2, 0.9), movement(0.5, 1.5), movement(2.1, 2.8), movement(3, 3)];
  const result = { ...forwardNight().result, overview, movements } as never;
  expect(strengths(result)).toEqual([1, 4, null, 6]);
});

test("without an overview no strength is made up", () => {
  const { overview: _, ...result } = forwardNight().result;
  expect(new Set(strengths(result as never))).toEqual(new Set([null]));
  expect(heightOf(null, null)).toBe(0.5);
});

test("a stronger movement is never drawn lower", () => {
  const heights = [0, 3, 6, 12, 16, 60].map((level) => heightOf(level, overview));
  expect(heights).toEqual([...heights].sort((one, other) => one - other));
  expect(heights.at(-1)).toBe(1);
});
