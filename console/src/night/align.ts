/** Several nights on one scale: hours from the noon before each, in local time. */
import { wallAt } from "./clock";
import { endOf, type NightResult, startOf } from "./response";

const HOUR_MS = 3_600_000;

export interface AlignedNight {
  result: NightResult;
  /** Seconds from the start of the recording, of the shared scale's ends. */
  from: number;
  to: number;
  /** The instants of the scale's whole hours. */
  hours: number[];
}

/** The last local noon before an instant. */
export function noonBefore(ms: number, zone: string): number {
  const wall = wallAt(ms, zone);
  const past = 3600 * wall.hour + 60 * wall.minute + wall.second - 43_200;
  const noon = ms - 1000 * (past < 0 ? past + 86_400 : past) - (((ms % 1000) + 1000) % 1000);
  return noon + 1000 * (wall.offset - wallAt(noon, zone).offset);
}

export function aligned(results: readonly NightResult[], zone: string): AlignedNight[] {
  const noons = results.map((result) => noonBefore(startOf(result), zone));
  const hoursAfter = (ms: number, number: number) => (ms - (noons[number] ?? 0)) / HOUR_MS;
  const first = Math.floor(Math.min(...results.map((one, n) => hoursAfter(startOf(one), n))));
  const last = Math.ceil(Math.max(...results.map((one, n) => hoursAfter(endOf(one), n))));
  return results.map((result, number) => {
    const zero = (noons[number] ?? 0) + first * HOUR_MS;
    const count = last - first;
    return {
      result,
      from: (zero - startOf(result)) / 1000,
      to: (zero + count * HOUR_MS - startOf(result)) / 1000,
      hours: Array.from({ length: count + 1 }, (_none, hour) => zero + hour * HOUR_MS),
    };
  });
}
