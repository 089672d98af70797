/** A stretch of a recording on one line: presses, movements, bouts, and what was not judged. */
import { useMemo } from "preact/hooks";
import { hatchOf, heightOf, shadeOf } from "./looks";
import type { NightResult } from "./response";

// Where things lie, in per cent of the height: the mother's presses above, what was found below.
const PRESSES = 11;
const MOVEMENTS = { top: 24, base: 82 };
const BOUTS = { top: 86, height: 12 };
const WIDE = 0.0016; // share of the width from which on a movement shows its length

export interface StripProps {
  result: NightResult;
  strengths: readonly (number | null)[];
  /** Seconds from the start of the recording, of the line's ends. */
  from: number;
  to: number;
  label: string;
}

export function Strip({ result, strengths, from, to, label }: StripProps) {
  const drawn = useMemo(() => {
    const place = (seconds: number) => `${(100 * (seconds - from)) / (to - from)}%`;
    const span = (start: number, end: number) => ({
      x: place(Math.max(start, from)),
      width: `${(100 * (Math.min(end, to) - Math.max(start, from))) / (to - from)}%`,
    });
    const inside = <T extends { start_seconds: number; end_seconds: number }>(rows: readonly T[]) =>
      rows.filter((row) => row.end_seconds > from && row.start_seconds < to);
    return (
      <>
        <rect {...span(0, result.recording.duration_seconds)} class="night-judged" height="100%" />
        {inside(result.recording.unjudged).map((row) => (
          <rect
            key={row.start_seconds}
            {...span(row.start_seconds, row.end_seconds)}
            height="100%"
            data-reason={row.reason}
            fill={`url(#night-hatch-${hatchOf(row.reason)})`}
          />
        ))}
        <Base {...span(0, result.recording.duration_seconds)} />
        {inside(result.hiccup_bouts ?? []).map((bout) => (
          <rect
            key={bout.start_seconds}
            {...span(bout.start_seconds, bout.end_seconds)}
            y={`${BOUTS.top}%`}
            height={`${BOUTS.height}%`}
            class="night-bout"
          />
        ))}
        {inside(result.regular_pulses ?? []).map((pulses) => (
          <Pulses
            key={pulses.start_seconds}
            x1={place(Math.max(pulses.start_seconds, from))}
            x2={place(Math.min(pulses.end_seconds, to))}
          />
        ))}
        {(result.movements ?? []).map((one, number) => {
          if (one.end_seconds <= from || one.start_seconds >= to) return null;
          const height = heightOf(strengths[number] ?? null, result.overview);
          const top = MOVEMENTS.base - height * (MOVEMENTS.base - MOVEMENTS.top);
          const middle = place((one.start_seconds + one.end_seconds) / 2);
          const shade = `night-movement night-${shadeOf(one.probability)}`;
          if ((one.end_seconds - one.start_seconds) / (to - from) < WIDE) {
            const ends = { y1: `${top}%`, y2: `${MOVEMENTS.base}%` };
            return <line key={number} x1={middle} x2={middle} {...ends} class={shade} />;
          }
          const box = { y: `${top}%`, height: `${MOVEMENTS.base - top}%` };
          return (
            <rect
              key={number}
              {...span(one.start_seconds, one.end_seconds)}
              {...box}
              class={shade}
            />
          );
        })}
        {result.presses
          .filter((press) => press.start_seconds >= from && press.start_seconds < to)
          .map((press) => (
            <svg
              key={press.start_seconds}
              x={place(press.start_seconds)}
              y={`${PRESSES}%`}
              class="night-at"
              aria-hidden="true"
            >
              <PressMark judged={press.judged} matched={press.matched} />
            </svg>
          ))}
      </>
    );
  }, [result, strengths, from, to]);
  return (
    <svg class="night-strip" role="img" aria-label={label} preserveAspectRatio="none">
      {drawn}
    </svg>
  );
}

function Base({ x, width }: { x: string; width: string }) {
  return <rect x={x} width={width} y={`${MOVEMENTS.base}%`} height="1" class="night-base" />;
}

function Pulses({ x1, x2 }: { x1: string; x2: string }) {
  const middle = `${BOUTS.top + BOUTS.height / 2}%`;
  return <line x1={x1} x2={x2} y1={middle} y2={middle} class="night-pulses" />;
}

/** Full: a movement within 5 s; hollow: none; a cross: it could not be judged. */
export function PressMark({ judged, matched }: { judged: boolean; matched: boolean | null }) {
  if (!judged) return <path class="night-press-unjudged" d="M-3 -3L3 3M3 -3L-3 3" />;
  return (
    <path class={matched ? "night-press-matched" : "night-press-missed"} d="M-3.6 -3H3.6L0 3.6Z" />
  );
}
