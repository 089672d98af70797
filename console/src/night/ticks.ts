/** Round times of day along an axis. */
import { timeText, wallAt } from "./clock";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];

export interface Tick {
  ms: number;
  text: string;
}

/** Round local times between two instants, at most so many. */
export function ticksBetween(startMs: number, endMs: number, zone: string, most: number): Tick[] {
  const seconds = (endMs - startMs) / 1000;
  const step = STEPS.find((one) => seconds / one <= most) ?? 86400;
  const { hour, minute, second } = wallAt(startMs, zone);
  const past = (3600 * hour + 60 * minute + second) % step;
  const first = Math.floor(startMs / 1000) * 1000 - 1000 * past;
  const ticks: Tick[] = [];
  for (let ms = first; ms <= endMs; ms += 1000 * step) {
    if (ms >= startMs) ticks.push({ ms, text: timeText(ms, zone, { seconds: step < 60 }) });
  }
  return ticks;
}
