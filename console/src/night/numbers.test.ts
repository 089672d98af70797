/** The numbers on a page are those of the result, and the result's own lists lead to them. */
import { describe, expect, test } from "vitest";
import { backNight, changed, forwardNight, shortNight, unjudgedNight } from "../../tests/nights";
import { hourRows } from "./clock";
import { minutesSentence } from "./describe";
import { listEvents } from "./events";
import { figuresOf } from "./figures";
import { hourFigures, LEAST_JUDGED_SECONDS } from "./hours";
import { endOf, type NightResponse, startOf } from "./response";
import { judgedStretches, longestQuiet, secondsWithin, without } from "./stretches";
import { percent } from "./words";

const LONDON = "Europe/London";
const nights = [
  { name: "a v1 night, clocks forward", response: forwardNight() },
  { name: "a v2 night, clocks back", response: backNight() },
];

describe.each(nights)("of $name", ({ response }) => {
  const { result } = response;
  const hours = hourFigures(result, hourRows(startOf(result), endOf(result), LONDON));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

  test("the hours' movements and judged time add up to the night's", () => {
    expect(sum(hours.map(({ movements }) => movements ?? 0))).toBe(result.movement_count);
    expect(sum(hours.map(({ judgedSeconds }) => judgedSeconds))).toBeCloseTo(
      result.recording.judged_seconds,
      3,
    );
    expect(sum(hours.map(({ recordedSeconds }) => recordedSeconds))).toBeCloseTo(
      result.recording.duration_seconds,
      3,
    );
  });

  test("what an hour lacks of judged time carries its reasons", () => {
    for (const hour of hours) {
      const lost = sum([...hour.unjudgedSeconds.values()]);
      expect(lost + hour.judgedSeconds).toBeCloseTo(hour.recordedSeconds, 3);
    }
  });

  test("an hour's rate is its movements by its judged time", () => {
    for (const { movements, judgedSeconds, rate } of hours) {
      if (judgedSeconds < LEAST_JUDGED_SECONDS) expect(rate).toBeNull();
      else expect(rate).toBeCloseTo((3600 * (movements ?? 0)) / judgedSeconds, 6);
    }
  });

  test("the longest time without movement is found where the lists have it", () => {
    expect(longestQuiet(result)?.seconds).toBeCloseTo(
      result.summary.longest_quiet_seconds ?? -1,
      2,
    );
  });

  test("the numbers beside the chart are the result's", () => {
    const figures = Object.fromEntries(
      figuresOf(result, LONDON).map(({ name, value, notes }) => [
        name,
        [value, ...notes].join(" "),
      ]),
    );
    const judgedHours = result.recording.judged_seconds / 3600;
    const count = result.movements?.length ?? 0;
    expect(figures.Movements).toMatch(new RegExp(`^${count} `));
    expect(figures["Movements per judged hour"]).toBe(
      `${(count / judgedHours).toFixed(1)} likely ` +
        `${((result.expected_kicks?.low ?? 0) / judgedHours).toFixed(1)} to ` +
        `${((result.expected_kicks?.high ?? 0) / judgedHours).toFixed(1)}`,
    );
    const judged = result.presses.filter((press) => press.judged);
    const matched = judged.filter((press) => press.matched);
    expect(figures["Presses by the mother"]).toContain(
      `${matched.length} of ${judged.length} that could be judged have a movement within 5 s: ` +
        `${Math.round((100 * matched.length) / judged.length)}\u00a0%`,
    );
    expect(figures["Presses by the mother"]).toContain("by chance");
    expect(figures["Hiccup bouts"]).toMatch(new RegExp(`^${result.hiccup_bouts?.length} `));
  });
});

test("judged time is what no reason takes, however the reasons touch", () => {
  expect(
    without(
      [{ start: 0, end: 10 }],
      [
        { start: -1, end: 1 },
        { start: 3, end: 4 },
        { start: 4, end: 6 },
        { start: 9, end: 12 },
      ],
    ),
  ).toEqual([
    { start: 1, end: 3 },
    { start: 6, end: 9 },
  ]);
  expect(judgedStretches(unjudgedNight().result)).toEqual([]);
  expect(secondsWithin([{ start: 1, end: 5 }], 4, 9)).toBe(1);
});

test("a night that could not be judged has words where there are no numbers, and no 0", () => {
  const { result } = unjudgedNight();
  const [presses, ...figures] = figuresOf(result, LONDON).reverse();
  expect(presses?.notes).toContain("none of them could be judged");
  expect(figures.map(({ known }) => known)).not.toContain(true);
  for (const { value } of figures) expect(value).not.toMatch(/\d/);
  // Which would be a finding: movement all the time.
  for (const { notes } of figures) expect(notes.join()).not.toContain("without movement");
  const [hour] = hourFigures(result, hourRows(startOf(result), endOf(result), LONDON));
  expect(hour).toMatchObject({ movements: null, rate: null, bouts: null, judgedSeconds: 0 });
});

test("an hour of which little was judged has no rate", () => {
  const { result } = forwardNight();
  const rows = hourRows(startOf(result), startOf(result) + 1, LONDON);
  const unjudged = [{ reason: "gap", start_seconds: 200, end_seconds: 28_000 }];
  const cut = changed(forwardNight(), { recording: { ...result.recording, unjudged } }).result;
  expect(hourFigures(cut, rows)[0]).toMatchObject({ judgedSeconds: 200, rate: null });
});

test("an hour of which nothing was judged has no count, and no 0 that would read as quiet", () => {
  const { result } = shortNight();
  const duration = result.recording.duration_seconds;
  const after = { startMs: startOf(result) + 1000 * duration, endMs: endOf(result) + 1000 };
  const [row] = hourRows(startOf(result), endOf(result), LONDON);
  if (!row) throw new Error("no hour");
  expect(hourFigures(result, [{ ...row, ...after }])[0]).toMatchObject({
    judgedSeconds: 0,
    movements: null,
    bouts: null,
  });
});

describe("who hears the minutes in place of seeing them", () => {
  const told = ({ result }: NightResponse, start: number, end: number) => {
    const inside = listEvents(result, []).filter((one) => one.end >= start && one.start <= end);
    return minutesSentence(result, inside, { start, end }, "22:00 to 22:10");
  };

  test("is told what could not be counted, and no 0 that would read as quiet", () => {
    const night = unjudgedNight();
    const { duration_seconds: duration } = night.result.recording;
    const presses = night.result.presses.length;
    expect(told(night, 0, duration)).toBe(
      "22:00 to 22:10: movements not counted, hiccup bouts not counted, " +
        `${presses} presses and 1 stretch that was not judged.`,
    );
  });

  test("is told so, too, of minutes of which nothing was judged in a night that was", () => {
    const { result } = shortNight();
    const unjudged = [{ reason: "gap", start_seconds: 100, end_seconds: 500 }];
    const recording = { ...result.recording, unjudged };
    const night = changed(shortNight(), { recording, movements: [], hiccup_bouts: [] });
    expect(told(night, 200, 400)).toContain("movements not counted, hiccup bouts not counted");
    expect(told(night, 200, 900)).toContain("0 movements, 0 hiccup bouts");
  });

  test("is told of bouts that were found where nothing was judged, as they are taken out", () => {
    const { result } = shortNight();
    const [bout] = forwardNight().result.hiccup_bouts ?? [];
    if (!bout) throw new Error("no bout");
    const inside = { ...bout, start_seconds: 200, end_seconds: 400 };
    const unjudged = [{ reason: "hiccups", start_seconds: 198, end_seconds: 402 }];
    const recording = { ...result.recording, unjudged };
    const night = changed(shortNight(), { recording, movements: [], hiccup_bouts: [inside] });
    expect(told(night, 250, 350)).toContain("movements not counted, 1 hiccup bout");
  });
});

test("ten movements that were not reached are told with the time that was judged", () => {
  const { result } = shortNight();
  const summary = { ...result.summary, analysed_seconds_to_tenth_kick: null };
  const figures = figuresOf({ ...result, summary } as typeof result, LONDON);
  const ten = figures.find(({ name }) => name === "Time to ten movements");
  expect(ten?.value).toBe("not reached");
  expect(ten?.notes.join()).toMatch(/of judged time/);
});

test("a woman who pressed nothing is told to have pressed nothing, without agreement", () => {
  const { press_match: _, ...rest } = forwardNight().result;
  const figures = figuresOf({ ...rest, presses: [] } as typeof rest, LONDON);
  const presses = figures.find(({ name }) => name === "Presses by the mother");
  expect(presses).toMatchObject({ value: "0", notes: ["the button was not pressed"] });
});

test("a part of a night, or of the presses, is never told as nothing or as all of it", () => {
  const shares = [0, 0.002, 0.0149, 0.5, 0.998, 1].map(percent);
  expect(shares.join()).toBe("0 %,<1 %,1 %,50 %,>99 %,100 %".replaceAll(" ", "\u00a0"));
  expect(percent(null)).toBe("unknown");
});
