/** Local time: hours of a night as the woman's clock showed them, summer time included. */

export interface Wall {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  /** Local time less UTC, s. */
  offset: number;
}

/** A row of the chart: an hour of the local clock, or less where the clock was set. */
export interface HourRow {
  startMs: number;
  endMs: number;
}

/** A change of the local clock, such as summer time's. */
export interface ClockChange {
  atMs: number;
  /** By how much the clock went forward, s; negative where it went back. */
  forward: number;
}

const HOUR_MS = 3_600_000;
const wallFormats = new Map<string, Intl.DateTimeFormat>();
const formats = new Map<string, Intl.DateTimeFormat>();

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** All zones to choose from, the given one among them whatever the browser lists. */
export function zones(...more: string[]): string[] {
  return [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), ...more])].sort();
}

/** What a clock in a zone shows at an instant. */
export function wallAt(ms: number, zone: string): Wall {
  const parts: Record<string, number> = {};
  for (const { type, value } of wallFormat(zone).formatToParts(ms)) parts[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  const offset = (asUtc - Math.floor(ms / 1000) * 1000) / 1000;
  return { year, month, day, hour, minute, second, offset };
}

/**
 * The rows of a chart of one row an hour, each beginning with a full hour of the local clock.
 *
 * An hour that the clock skips has no row, one that it repeats has two: every row is time that
 * passed. Where the clock is set by part of an hour, a row begins there and is shorter.
 */
export function hourRows(startMs: number, endMs: number, zone: string): HourRow[] {
  const rows: HourRow[] = [];
  let at = startMs - pastTheHour(startMs, zone);
  while (at < endMs) {
    const next = at + HOUR_MS - pastTheHour(at, zone);
    rows.push({ startMs: at, endMs: next });
    at = next;
  }
  return rows;
}

function pastTheHour(ms: number, zone: string): number {
  const { minute, second } = wallAt(ms, zone);
  return 1000 * (60 * minute + second) + (((ms % 1000) + 1000) % 1000);
}

/** When the local clock was set between two instants, to the second. */
export function clockChanges(startMs: number, endMs: number, zone: string): ClockChange[] {
  const changes: ClockChange[] = [];
  for (let from = startMs; from < endMs; from += HOUR_MS) {
    const to = Math.min(from + HOUR_MS, endMs);
    const before = wallAt(from, zone).offset;
    const forward = wallAt(to, zone).offset - before;
    if (forward !== 0) changes.push({ atMs: firstWithout(before, from, to, zone), forward });
  }
  return changes;
}

function firstWithout(offset: number, from: number, to: number, zone: string): number {
  let [low, high] = [Math.floor(from / 1000), Math.ceil(to / 1000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (wallAt(1000 * middle, zone).offset === offset) low = middle;
    else high = middle;
  }
  return 1000 * high;
}

/** "03:10", with seconds "03:10:05". */
export function timeText(ms: number, zone: string, { seconds = false } = {}): string {
  const wall = wallAt(ms, zone);
  const fields = seconds ? [wall.hour, wall.minute, wall.second] : [wall.hour, wall.minute];
  return fields.map((field) => String(field).padStart(2, "0")).join(":");
}

/** Tells times of day; where the clocks change in between, with the zone's name: "02:10 BST". */
export function teller(startMs: number, endMs: number, zone: string): (ms: number) => string {
  const named = clockChanges(startMs, endMs, zone).length > 0;
  return (ms) => (named ? `${timeText(ms, zone)} ${zoneText(ms, zone)}` : timeText(ms, zone));
}

/** What the clock's time is called at an instant: "BST", "GMT+5:30". */
export function zoneText(ms: number, zone: string): string {
  const parts = format("zone", zone, { timeZoneName: "short" }).formatToParts(ms);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? zone;
}

/** "Sun 30 March 2025". */
export function dateText(ms: number, zone: string): string {
  return format("date", zone, {
    weekday: "short",
    day: "numeric",
    month: "long",
    year: "numeric",
  })
    .format(ms)
    .replace(",", "");
}

/** "Sun 30 Mar". */
export function shortDateText(ms: number, zone: string): string {
  return format("short", zone, { weekday: "short", day: "numeric", month: "short" })
    .format(ms)
    .replace(",", "");
}

/** The days that a stretch of time touches: "Sat 29 to Sun 30 March 2025". */
export function nightText(startMs: number, endMs: number, zone: string): string {
  const first = dateText(startMs, zone);
  const last = dateText(endMs, zone);
  if (first === last) return first;
  const shared = first.split(" ").slice(2).join(" ");
  const [weekday, day] = first.split(" ");
  return last.endsWith(shared) ? `${weekday} ${day} to ${last}` : `${first} to ${last}`;
}

export function changeText({ atMs, forward }: ClockChange, zone: string): string {
  const minutes = Math.abs(forward) / 60;
  const by = minutes % 60 ? `${minutes} min` : `${minutes / 60} h`;
  const before = `${timeText(atMs - 1000, zone, { seconds: true })} ${zoneText(atMs - 1000, zone)}`;
  const after = `${timeText(atMs, zone)} ${zoneText(atMs, zone)}`;
  const way = forward > 0 ? "forward" : "back";
  return `The clocks went ${way} by ${by}: ${before} was followed by ${after}.`;
}

function wallFormat(zone: string): Intl.DateTimeFormat {
  let made = wallFormats.get(zone);
  if (!made) {
    made = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    wallFormats.set(zone, made);
  }
  return made;
}

function format(kind: string, zone: string, options: Intl.DateTimeFormatOptions) {
  const key = `${kind} ${zone}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
    formats.set(key, made);
  }
  return made;
}
