/** Labels along an axis: each at its place, those at the ends wholly inside, none over another. */

export interface Mark {
  /** Of the width, from 0 to 1. */
  share: number;
  text: string;
}

const EDGE = 0.07; // where half of the widest label would reach out of a page of 360 px
const MOST = { wide: 12, narrow: 5 };
const STEPS = [1, 2, 3, 4, 6, 8, 12, 24];

/** Every how manyth of evenly spaced labels can stand, so that there are at most so many steps. */
export const everyOf = (count: number, most: number): number =>
  STEPS.find((step) => (count - 1) / step <= most) ?? count;

/** How a label lies to its place: towards the middle of the axis near its ends. */
export const sideOf = (share: number): "start" | "middle" | "end" =>
  share < EDGE ? "start" : share > 1 - EDGE ? "end" : "middle";

export function Marks({ marks }: { marks: readonly Mark[] }) {
  const [wide, narrow] = [everyOf(marks.length, MOST.wide), everyOf(marks.length, MOST.narrow)];
  const onlyWide = (number: number) => (number % narrow === 0 ? "" : " night-only-wide");
  return (
    <span class="night-marks" aria-hidden="true">
      {marks.map(({ share, text }, number) =>
        number % wide === 0 ? (
          <span
            key={share}
            class={`night-mark-${sideOf(share)}${onlyWide(number)}`}
            style={{ left: `${100 * share}%` }}
          >
            {text}
          </span>
        ) : null,
      )}
    </span>
  );
}
