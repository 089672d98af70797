/** How things are drawn: what a movement's height and shade say, and the hatch of each reason. */

import { fullHeight } from "./levels";
import type { Overview } from "./result.gen";
import { REASONS } from "./words";

/** Shades by probability, the surest first: its least probability and what the legend calls it. */
export const SHADES = [
  { name: "sure", from: 0.95, text: "0.95 and more" },
  { name: "likely", from: 0.8, text: "0.80 to 0.95" },
  { name: "possible", from: 0, text: "below 0.80" },
] as const;

export const shadeOf = (probability: number): string =>
  SHADES.find(({ from }) => probability >= from)?.name ?? "possible";

/** The share of a lane's height that a movement takes; where its strength is not known, half. */
export function heightOf(strength: number | null, overview: Overview | null | undefined): number {
  if (strength === null || !overview) return 0.5;
  return Math.min(1, Math.max(0.14, strength / fullHeight(overview)));
}

/** The hatch of a reason; one that only a newer service knows has a hatch of its own, too. */
export const hatchOf = (reason: string): string => (reason in REASONS ? reason : "other");

export const HATCHES = [...Object.keys(REASONS), "other"];
