/** The minutes that are shown: moved and scaled, and never outside of the recording. */
import type { Stretch } from "./response";

export const SHORTEST_SECONDS = 20;
/** What a click on a moment shows. */
export const USUAL_SECONDS = 600;

export function fitted({ start, end }: Stretch, duration: number): Stretch {
  const length = Math.min(Math.max(end - start, Math.min(SHORTEST_SECONDS, duration)), duration);
  const middle = (start + end) / 2;
  const first = Math.min(Math.max(middle - length / 2, 0), duration - length);
  return { start: first, end: first + length };
}

export function moved(shown: Stretch, seconds: number, duration: number): Stretch {
  return fitted({ start: shown.start + seconds, end: shown.end + seconds }, duration);
}

/** Scales what is shown, leaving a moment (a share of the width) where it is. */
export function scaled(shown: Stretch, factor: number, duration: number, at = 0.5): Stretch {
  const length = shown.end - shown.start;
  const wanted = Math.min(Math.max(length * factor, SHORTEST_SECONDS), duration);
  const fixed = shown.start + at * length;
  return fitted({ start: fixed - at * wanted, end: fixed + (1 - at) * wanted }, duration);
}

export function around(moment: number, length: number, duration: number): Stretch {
  return fitted({ start: moment - length / 2, end: moment + length / 2 }, duration);
}

/** What is shown at first: ten minutes from where judging begins. */
export function firstShown(judged: readonly Stretch[], duration: number): Stretch {
  const start = judged[0]?.start ?? 0;
  return fitted({ start, end: start + USUAL_SECONDS }, duration);
}
