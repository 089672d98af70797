/** Stretches of time: what was judged, and how much of it lies where. */
import type { NightResult, Stretch } from "./response";

export interface Quiet extends Stretch {
  seconds: number;
}

/** What of the recording was judged: all but what the result lists as unjudged. */
export function judgedStretches(result: NightResult): Stretch[] {
  const { unjudged, duration_seconds: duration } = result.recording;
  return without(
    [{ start: 0, end: duration }],
    unjudged.map((row) => ({ start: row.start_seconds, end: row.end_seconds })),
  );
}

/** The stretches less other ones; both in order of time, each without overlaps. */
export function without(stretches: readonly Stretch[], taken: readonly Stretch[]): Stretch[] {
  const left: Stretch[] = [];
  for (const { start, end } of stretches) {
    let at = start;
    for (const hole of taken) {
      if (hole.end <= at || hole.start >= end) continue;
      if (hole.start > at) left.push({ start: at, end: hole.start });
      at = Math.max(at, hole.end);
    }
    if (at < end) left.push({ start: at, end });
  }
  return left;
}

/** How much of the stretches lies from one time to another, s. */
export function secondsWithin(stretches: readonly Stretch[], from: number, to: number): number {
  return stretches.reduce(
    (sum, { start, end }) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)),
    0,
  );
}

/** A count of a stretch; null where nothing was found as nothing of it was judged: it is not none. */
export const counted = (found: number, judgedSeconds: number): number | null =>
  found > 0 || judgedSeconds > 0 ? found : null;

/** The stretch of judged time without movement that is longest; null where there is none. */
export function longestQuiet(result: NightResult): Quiet | null {
  const moved = (result.movements ?? []).map((one) => ({
    start: one.start_seconds,
    end: one.end_seconds,
  }));
  let longest: Quiet | null = null;
  for (const { start, end } of without(judgedStretches(result), moved)) {
    if (!longest || end - start > longest.seconds) longest = { start, end, seconds: end - start };
  }
  return result.movements ? longest : null;
}
