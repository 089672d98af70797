/** The figures of each hour: what moved, and how much of the hour could be judged. */
import type { HourRow } from "./clock";
import { type NightResult, startOf } from "./response";
import { counted, judgedStretches, secondsWithin } from "./stretches";

/** Less judged time than this has no rate; the method's own limit (docs/method.md). */
export const LEAST_JUDGED_SECONDS = 300;

export interface HourFigures extends HourRow {
  /** Seconds from the start of the recording, of the row's ends. */
  from: number;
  to: number;
  /** What of the row was recorded, s. */
  recordedSeconds: number;
  judgedSeconds: number;
  /** What of the row was not judged, s by reason. */
  unjudgedSeconds: Map<string, number>;
  /** What begins in the row; null where it could not be judged, or not be looked for. */
  movements: number | null;
  bouts: number | null;
  presses: number;
  /** Movements per judged hour; null where too little of the row was judged. */
  rate: number | null;
}

export function hourFigures(result: NightResult, rows: readonly HourRow[]): HourFigures[] {
  const judged = judgedStretches(result);
  return rows.map((row) => figuresOf(result, row, judged));
}

function figuresOf(
  result: NightResult,
  row: HourRow,
  judged: ReturnType<typeof judgedStretches>,
): HourFigures {
  const from = (row.startMs - startOf(result)) / 1000;
  const to = (row.endMs - startOf(result)) / 1000;
  const begins = ({ start_seconds: at }: { start_seconds: number }) => at >= from && at < to;
  const judgedSeconds = secondsWithin(judged, from, to);
  const countOf = (rows: readonly { start_seconds: number }[] | null) =>
    rows && counted(rows.filter(begins).length, judgedSeconds);
  const movements = countOf(result.movements);
  const enough = judgedSeconds >= LEAST_JUDGED_SECONDS && result.recording.judged_status === "ok";
  return {
    ...row,
    from,
    to,
    recordedSeconds: Math.max(
      0,
      Math.min(to, result.recording.duration_seconds) - Math.max(from, 0),
    ),
    judgedSeconds,
    unjudgedSeconds: unjudgedBetween(result, from, to),
    movements,
    bouts: countOf(result.hiccup_bouts),
    presses: result.presses.filter(begins).length,
    rate: enough && movements !== null ? (3600 * movements) / judgedSeconds : null,
  };
}

function unjudgedBetween(result: NightResult, from: number, to: number): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const row of result.recording.unjudged) {
    const inside = Math.min(row.end_seconds, to) - Math.max(row.start_seconds, from);
    if (inside > 0) seconds.set(row.reason, (seconds.get(row.reason) ?? 0) + inside);
  }
  return seconds;
}
