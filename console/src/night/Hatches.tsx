/** The patterns by which time that was not judged is hatched, one for each reason. */
import { HATCHES } from "./looks";

// Paths within a tile, so that they differ in shape and need no colour to be told apart.
const TILES: Readonly<Record<string, { size: number; path: string }>> = {
  body_movement: { size: 5, path: "M1.5 0V5" },
  sensor_off: { size: 6, path: "M1.5 1.5h1.4M4.5 4.5h1.4" },
  gap: { size: 7, path: "M0 0L7 7M7 0L0 7" },
  regular_pulses: { size: 7, path: "M3.5 0V7M0 3.5H7" },
  hiccups: { size: 6, path: "M-1 -1L7 7M-1 5L1 7M5 -1L7 1" },
  ends: { size: 6, path: "M-1 7L7 -1M-1 1L1 -1M5 7L7 5" },
  other: { size: 6, path: "M0 1.5H6M0 4.5H6" },
};

/** Once on a page: charts refer to the patterns by their names. */
export function Hatches() {
  return (
    <svg class="night-defs" aria-hidden="true" focusable="false">
      <defs>
        {HATCHES.map((reason) => {
          const { size, path } = TILES[reason] ?? { size: 6, path: "" };
          return (
            <pattern
              key={reason}
              id={`night-hatch-${reason}`}
              class={`night-hatch night-hatch-${reason}`}
              width={size}
              height={size}
              patternUnits="userSpaceOnUse"
            >
              <rect class="night-hatch-face" width={size} height={size} />
              <path class="night-hatch-line" d={path} />
            </pattern>
          );
        })}
      </defs>
    </svg>
  );
}

/** A patch of a hatch, for a legend. */
export function Swatch({ reason }: { reason: string }) {
  return (
    <svg class="night-swatch" width="20" height="12" aria-hidden="true" focusable="false">
      <rect width="20" height="12" fill={`url(#night-hatch-${reason})`} class="night-swatch-edge" />
    </svg>
  );
}
