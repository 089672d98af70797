/** Nights to test with: two analysed ones, and what is made of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { NightResponse, NightResult } from "../src/night/response";
import type { PressMatch } from "../src/night/result.gen";

/**
 * Eight hours as `femo analyze --remove-hiccups` gives them, of synthetic recordings: v1 over the
 * night in which London's clocks go forward, with sensors off and samples missing, and v2 over the
 * one in which they go back (scripts/night_fixtures.py).
 */
const read = (name: string): NightResponse => {
  const file = join(import.meta.dirname, "fixtures", `${name}.json.gz`);
  return JSON.parse(gunzipSync(readFileSync(file)).toString("utf8"));
};

export const forwardNight = () => read("forward_v1");
export const backNight = () => read("back_v2");

/** A copy with some facts of the result replaced. */
export function changed(response: NightResponse, result: Partial<NightResult>): NightResponse {
  return { ...response, result: { ...response.result, ...result } } as NightResponse;
}

/** The same night with few of each kind: what is asked of a page's parts needs not all of them. */
export function thinNight(): NightResponse {
  const response = forwardNight();
  const { result } = response;
  const few = <T>(rows: readonly T[] | null) => (rows ?? []).filter((_row, at) => at % 12 === 0);
  return changed(response, {
    movements: few(result.movements),
    presses: few(result.presses),
    recording: { ...result.recording, unjudged: few(result.recording.unjudged) },
  });
}

/** Agreement where no press could be judged. */
function pressesAlone(presses: number): PressMatch {
  const { press_match: match } = forwardNight().result;
  const unknown = Object.fromEntries(Object.keys(match ?? {}).map((key) => [key, null]));
  return {
    ...(unknown as unknown as PressMatch),
    true_positives: 0,
    false_negatives: 0,
    false_positives: 0,
    true_negatives: 0,
    presses,
    judged_presses: 0,
    presses_not_judged: { sensor_off: presses },
  };
}

/** The same night as one of which nothing could be judged. */
export function unjudgedNight(): NightResponse {
  const response = forwardNight();
  const { recording, summary } = response.result;
  const none = Object.fromEntries(Object.keys(summary).map((key) => [key, null]));
  return changed(response, {
    movement_count: null,
    movements: null,
    hiccup_bouts: null,
    hiccup_bouts_status: "too few sensors showed a minute together",
    movements_in_hiccup_bouts: null,
    regular_pulses: null,
    expected_kicks: null,
    expected_kicks_status: "nothing could be judged",
    overview: null,
    presses: response.result.presses.map((press) => ({
      ...press,
      judged: false,
      why_not: "sensor_off",
      matched: null,
    })),
    press_match: pressesAlone(response.result.presses.length),
    summary: {
      ...summary,
      ...none,
      total_minutes: summary.total_minutes,
      analysed_minutes: 0,
      judged_status: "none",
      onset_statistics: Object.fromEntries(
        Object.keys(summary.onset_statistics).map((key) => [key, null]),
      ) as typeof summary.onset_statistics,
    },
    recording: {
      ...recording,
      judged_seconds: 0,
      judged_status: "none",
      judged_explanation: "Nothing could be judged, so nothing was counted.",
      judged_on_fewer_sensors_seconds: 0,
      unjudged_seconds: { sensor_off: recording.duration_seconds },
      unjudged: [
        { reason: "sensor_off", start_seconds: 0, end_seconds: recording.duration_seconds },
      ],
    },
  });
}

/** Twenty minutes of the night, from its tenth on. */
export function shortNight(): NightResponse {
  const response = forwardNight();
  const { result } = response;
  const [first, past] = [600, 1800];
  const cut = <T extends { start_seconds: number; end_seconds: number }>(rows: readonly T[]) =>
    rows
      .filter((row) => row.start_seconds >= first && row.end_seconds <= past)
      .map((row) => ({
        ...row,
        start_seconds: row.start_seconds - first,
        end_seconds: row.end_seconds - first,
      }));
  const unjudged = cut(result.recording.unjudged);
  const movements = cut(result.movements ?? []);
  const lost = unjudged.reduce((sum, row) => sum + row.end_seconds - row.start_seconds, 0);
  const judged = past - first - lost;
  const { press_match: _, ...rest } = result;
  return {
    ...response,
    result: {
      ...rest,
      movements,
      movement_count: movements.length,
      expected_kicks: null,
      expected_kicks_status: "too little was judged for an interval",
      hiccup_bouts: [],
      regular_pulses: cut(result.regular_pulses ?? []),
      presses: [],
      overview: null,
      summary: {
        ...result.summary,
        kicks: movements.length,
        kicks_per_analysed_hour: (3600 * movements.length) / judged,
        analysed_seconds_to_tenth_kick: 400,
        longest_quiet_seconds: 200,
      },
      recording: {
        ...result.recording,
        start: new Date(Date.parse(result.recording.start) + 1000 * first).toISOString(),
        duration_seconds: past - first,
        judged_seconds: judged,
        judged_on_fewer_sensors_seconds: 0,
        unjudged_seconds: { body_movement: lost },
        unjudged,
        sensors_off: [],
        gaps: [],
      },
    },
  } as NightResponse;
}
