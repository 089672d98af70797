/** Words for people: lengths of time, shares, reasons. A number that is not known is a word. */

export const RESEARCH_USE =
  "For research use. If you are worried about your baby's movements, contact your maternity unit now.";

/** Why time was not judged, in the order in which the method tells them. */
export const REASONS: Readonly<Record<string, string>> = {
  body_movement: "maternal movement",
  sensor_off: "sensors off",
  gap: "no data",
  regular_pulses: "regular pulses",
  hiccups: "hiccups taken out",
  ends: "left out at the ends",
};

const OFF: Readonly<Record<string, string>> = {
  constant: "constant",
  railed: "at its stop",
  "no blocks": "no samples",
  jumps: "baseline jumps",
};

const PULSES: Readonly<Record<string, string>> = {
  one_sensor: "seen at one place only",
  breath: "with the mother's breath",
  breath_unknown: "as slow as breaths; no breath seen to compare with",
  rate: "as fast as the mother's pulse or steps, or slower than hiccups",
};

const METHODS: Readonly<Record<string, string>> = {
  adaptive: "agreement of all sensors, each against its own level",
  reference: "fixed thresholds of two sensors",
};

const GROUPS: Readonly<Record<string, string>> = {
  piezo: "Piezo",
  accelerometer: "Accelerometer",
  acoustic: "Acoustic",
  imu: "Mother's own movement (IMU)",
};

// A code that only a newer service knows is told by its name.
const known = (words: Readonly<Record<string, string>>, code: string) =>
  words[code] ?? code.replaceAll("_", " ");

export const reasonText = (code: string) => known(REASONS, code);
export const offText = (code: string) => known(OFF, code);
export const pulsesText = (code: string) => known(PULSES, code);
export const methodText = (code: string) => known(METHODS, code);
export const groupText = (code: string) => known(GROUPS, code);

/** "sensor 3", "IMU". */
export const sensorText = (name: string) =>
  name === "imu" ? "IMU" : name.replace(/^sensor_/, "sensor ").replaceAll("_", " ");

/** A length of time, as `femo_result.words.lasting` tells it. */
export function lasting(seconds: number): string {
  if (seconds > 0 && seconds < 0.1) return "less than 0.1 s";
  if (Math.round(10 * seconds) < 100) return `${Math.round(10 * seconds) / 10} s`;
  if (Math.round(seconds) < 60) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** "52 of 60 min": whole minutes, for a narrow column; what is not nothing is never 0. */
export function minutes(seconds: number): string {
  if (seconds > 0 && seconds < 60) return "< 1";
  return String(Math.floor(seconds / 60 + 1e-6));
}

/** A share; a part of something is never told as nothing or as all of it. */
export function percent(share: number | null): string {
  if (share === null) return "unknown";
  const value = 100 * share;
  if (value > 0 && value < 1) return "<1\u00a0%";
  if (value > 99 && value < 100) return ">99\u00a0%";
  return `${Math.round(value)}\u00a0%`;
}

/** "1 movement", "2 movements". */
export const many = (count: number, one: string, several = `${one}s`): string =>
  `${count} ${count === 1 ? one : several}`;

/** "a, b and c". */
export function list(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}
