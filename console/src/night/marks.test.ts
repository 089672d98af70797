import { expect, test } from "vitest";
import { everyOf, sideOf } from "./Marks";

test("as many labels stand as fit, at even steps, and none over another", () => {
  expect([everyOf(12, 12), everyOf(17, 12), everyOf(26, 12)]).toEqual([1, 2, 3]);
  for (let count = 2; count < 60; count += 1) {
    const every = everyOf(count, 5);
    expect(Math.floor((count - 1) / every)).toBeLessThanOrEqual(5);
  }
});

test("a label near an end lies towards the middle, so that nothing of it is cut", () => {
  expect([0, 0.05, 0.5, 0.96, 1].map(sideOf)).toEqual(["start", "start", "middle", "end", "end"]);
});
