/** Everything that a night's charts show, as one list in order of time. */
import type { NightResult } from "./response";
import { lasting, pulsesText, reasonText, sensorText } from "./words";

export interface NightEvent {
  kind: "movement" | "hiccups" | "pulses" | "press" | "unjudged" | "clock";
  what: string;
  start: number;
  end: number;
  probability: number | null;
  strength: number | null;
  details: string;
}

const plain = { probability: null, strength: null };

export function listEvents(
  result: NightResult,
  strengths: readonly (number | null)[],
): NightEvent[] {
  return [
    ...movements(result, strengths),
    ...bouts(result),
    ...pulses(result),
    ...presses(result),
    ...unjudged(result),
    ...clockSteps(result),
  ].sort((one, other) => one.start - other.start);
}

const times = (row: { start_seconds: number; end_seconds: number }) => ({
  start: row.start_seconds,
  end: row.end_seconds,
});

const by = (sensors: readonly string[]) =>
  sensors.length ? sensors.map(sensorText).join(", ") : "all sensors together alone";

function movements(result: NightResult, strengths: readonly (number | null)[]): NightEvent[] {
  return (result.movements ?? []).map((one, number) => ({
    kind: "movement",
    what: "Movement",
    ...times(one),
    probability: one.probability,
    strength: strengths[number] ?? null,
    details: by(one.sensors),
  }));
}

function bouts(result: NightResult): NightEvent[] {
  return (result.hiccup_bouts ?? []).map((bout) => {
    const { interval_seconds: interval } = bout;
    const every = interval === null ? "interval not measured" : `one each ${interval.toFixed(1)} s`;
    const details = `${every}; ${by(bout.sensors)}`;
    return { kind: "hiccups", what: "Hiccup bout", ...times(bout), ...plain, details };
  });
}

function pulses(result: NightResult): NightEvent[] {
  return (result.regular_pulses ?? []).map((one) => {
    const every = `one each ${one.interval_seconds.toFixed(1)} s`;
    const details = `${every}; ${pulsesText(one.reason)}; ${by(one.sensors)}`;
    return { kind: "pulses", what: "Regular pulses", ...times(one), ...plain, details };
  });
}

function presses(result: NightResult): NightEvent[] {
  return result.presses.map((press) => {
    const matched = press.matched ? "a movement within 5 s" : "no movement within 5 s";
    const details = press.judged
      ? matched
      : `not judged: ${reasonText(press.why_not ?? "unknown")}`;
    return { kind: "press", what: "Press", ...times(press), ...plain, details };
  });
}

function unjudged(result: NightResult): NightEvent[] {
  return result.recording.unjudged.map((row) => ({
    kind: "unjudged",
    what: "Not judged",
    ...times(row),
    ...plain,
    details: reasonText(row.reason),
  }));
}

function clockSteps(result: NightResult): NightEvent[] {
  return (result.recording.clock?.steps ?? []).map(({ at_seconds: at, seconds }) => ({
    kind: "clock",
    what: "Belt's clock set",
    start: at,
    end: at,
    ...plain,
    details: `${seconds > 0 ? "forward" : "back"} by ${lasting(Math.abs(seconds))}`,
  }));
}
