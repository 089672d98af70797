/** The numbers of a night, each with the words that say what it is of. Never a verdict. */
import { teller } from "./clock";
import { endOf, type NightResult, startOf } from "./response";
import type { PressMatch } from "./result.gen";
import { longestQuiet } from "./stretches";
import { lasting, list, many, percent, reasonText } from "./words";

export interface Figure {
  name: string;
  /** A number with its unit, or a word where there is none. */
  value: string;
  /** Whether the value is a number. */
  known: boolean;
  notes: string[];
}

export function figuresOf(result: NightResult, zone: string): Figure[] {
  return [
    movements(result),
    rate(result),
    timeToTen(result),
    quiet(result, zone),
    onsets(result),
    bouts(result),
    pulses(result),
    presses(result),
  ];
}

const known = (name: string, value: string, ...notes: string[]): Figure => ({
  name,
  value,
  known: true,
  notes,
});

const unknown = (name: string, value: string, ...notes: string[]): Figure => ({
  name,
  value,
  known: false,
  notes,
});

const notCounted = (name: string, { recording }: NightResult): Figure =>
  unknown(name, "not counted", recording.judged_explanation);

function movements(result: NightResult): Figure {
  const { movement_count: count, recording, expected_kicks: expected } = result;
  if (count === null) return notCounted("Movements", result);
  const judged = `in ${lasting(recording.judged_seconds)} of judged time`;
  const likely = expected
    ? `the true number is likely ${expected.low.toFixed(0)} to ${expected.high.toFixed(0)} ` +
      `(${percent(expected.level)} of such intervals hold it)`
    : `no interval of the true number: ${result.expected_kicks_status}`;
  return known("Movements", String(count), judged, likely);
}

function rate(result: NightResult): Figure {
  const { kicks_per_analysed_hour: hourly } = result.summary;
  const { judged_seconds: judged, judged_explanation: why } = result.recording;
  if (hourly === null) return unknown("Movements per judged hour", "no rate", why);
  const expected = result.expected_kicks;
  const notes = expected
    ? [`likely ${rateOf(expected.low, judged)} to ${rateOf(expected.high, judged)}`]
    : ["no interval, as above"];
  return known("Movements per judged hour", hourly.toFixed(1), ...notes);
}

const rateOf = (count: number, seconds: number) => ((3600 * count) / seconds).toFixed(1);

function timeToTen(result: NightResult): Figure {
  const { analysed_seconds_to_tenth_kick: seconds } = result.summary;
  const name = "Time to ten movements";
  if (seconds !== null) return known(name, lasting(seconds), "of judged time from the start");
  if (result.movement_count === null) return notCounted(name, result);
  const judged = lasting(result.recording.judged_seconds);
  return unknown(name, "not reached", `there were not ten in ${judged} of judged time`);
}

function quiet(result: NightResult, zone: string): Figure {
  const { longest_quiet_seconds: seconds } = result.summary;
  const name = "Longest without movement";
  if (seconds === null && result.movement_count === null) return notCounted(name, result);
  if (seconds === null)
    return unknown(name, "unknown", "there was no judged time without movement");
  const found = longestQuiet(result);
  const notes = ["of judged time, none of it unjudged"];
  // Told only where the lists lead to the very number.
  if (found && Math.abs(found.seconds - seconds) < 0.5) {
    const at = teller(startOf(result), endOf(result), zone);
    const [from, to] = [found.start, found.end].map((seconds) =>
      at(startOf(result) + 1000 * seconds),
    );
    notes.push(`from ${from} to ${to}`);
  }
  return known(name, lasting(seconds), ...notes);
}

function onsets(result: NightResult): Figure {
  const { median, p25, p75 } = result.summary.onset_statistics;
  const name = "From one movement to the next";
  if (result.movement_count === null) return notCounted(name, result);
  if (median === null) return unknown(name, "unknown", "there were no two movements");
  const notes = ["in the median, from start to start"];
  if (p25 !== null && p75 !== null) {
    notes.push(`half of them ${lasting(p25)} to ${lasting(p75)}`);
  }
  return known(name, lasting(median), ...notes);
}

const total = (rows: readonly { start_seconds: number; end_seconds: number }[]) =>
  lasting(rows.reduce((sum, row) => sum + row.end_seconds - row.start_seconds, 0));

function bouts(result: NightResult): Figure {
  const { hiccup_bouts: found, hiccup_bouts_status: status } = result;
  const inside = result.movements_in_hiccup_bouts;
  const name = "Hiccup bouts";
  if (found === null) return unknown(name, "unknown", status);
  if (!found.length) return known(name, "0", "none found in the time that was looked at");
  const notes = [`${total(found)} together`];
  if (inside === null) notes.push("in time that could not be judged");
  else if (status === "taken out") notes.push(`taken out, with ${many(inside, "detection")}`);
  else notes.push(`not taken out: ${inside} of the movements touch them`);
  return known(name, String(found.length), ...notes);
}

function pulses(result: NightResult): Figure {
  const found = result.regular_pulses;
  const name = "Regular pulses";
  if (found === null) return unknown(name, "unknown", result.hiccup_bouts_status);
  if (!found.length) return known(name, "0", "none found in the time that was looked at");
  return known(name, String(found.length), `${total(found)} together`, "of unknown origin");
}

function presses(result: NightResult): Figure {
  const match = result.press_match;
  const name = "Presses by the mother";
  if (!match) {
    return known(name, String(result.presses.length), "the button was not pressed");
  }
  return known(name, String(match.presses), ...agreement(match), ...left(match));
}

function agreement(match: PressMatch): string[] {
  if (!match.judged_presses) return ["none of them could be judged"];
  const { sensitivity, chance_sensitivity: chance, chance_sensitivity_upper: upper } = match;
  return [
    `${match.true_positives} of ${match.judged_presses} that could be judged have a movement ` +
      `within 5 s: ${percent(sensitivity)}`,
    `by chance ${percent(chance)} (in 95 of 100 shifts at most ${percent(upper)})`,
  ];
}

function left(match: PressMatch): string[] {
  const reasons = Object.entries(match.presses_not_judged).filter(([, count]) => count);
  if (!reasons.length) return [];
  const told = reasons.map(([reason, count]) => `${reasonText(reason)} ${count}`);
  return [`${match.presses - match.judged_presses} could not be judged: ${list(told)}`];
}
