/** How far the sensors rose above their level: the overview of a result, and strengths from it. */
import type { NightResult } from "./response";
import type { Movement, Overview, OverviewGroup } from "./result.gen";

/** The level of each sample; null where the group could not be used. */
export type Levels = readonly (number | null)[];

export interface GroupLevels {
  group: OverviewGroup;
  levels: Levels;
}

/** A level that is drawn at full height: movements above it are rare, in either unit. */
const FULL_HEIGHT: Readonly<Record<string, number>> = { z: 16, dB: 24 };

export function levelsOf(overview: Overview, group: OverviewGroup): Levels {
  if (group.levels === null) return new Array<null>(overview.sample_count).fill(null);
  const { unusable_byte: unusable, level_offset: offset, level_step: step } = overview;
  return Array.from(atob(group.levels), (character) => {
    const byte = character.charCodeAt(0);
    return byte === unusable ? null : offset + byte * step;
  });
}

export function groupLevels(overview: Overview | null | undefined): GroupLevels[] {
  return (overview?.groups ?? []).map((group) => ({
    group,
    levels: overview ? levelsOf(overview, group) : [],
  }));
}

export const fullHeight = (overview: Overview): number => FULL_HEIGHT[overview.level_unit] ?? 16;

/**
 * The highest level that the baby's sensors reached in each movement; null where it is not known.
 *
 * The IMU is left out, as it tells of the mother.
 */
export function strengths(result: NightResult): (number | null)[] {
  const { overview, movements } = result;
  if (!movements) return [];
  if (!overview) return movements.map(() => null);
  const groups = groupLevels(overview).filter(({ group }) => group.group !== "imu");
  return movements.map((one) => strengthOf(one, groups, overview.seconds_per_sample));
}

function strengthOf(one: Movement, groups: GroupLevels[], seconds: number): number | null {
  const first = Math.floor(one.start_seconds / seconds);
  const past = Math.max(Math.ceil(one.end_seconds / seconds), first + 1);
  let highest: number | null = null;
  for (const { levels } of groups) {
    for (const level of levels.slice(first, past)) {
      if (level !== null && (highest === null || level > highest)) highest = level;
    }
  }
  return highest;
}
