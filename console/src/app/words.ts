/** Words of the console: lengths, sizes, moments, recordings. What is not known is a dash or a word. */

import { percent as told } from "../night/words";

export const NOT_KNOWN = "–";

const MOMENT = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

export function moment(text: string | null | undefined): string {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? NOT_KNOWN : MOMENT.format(time);
}

/** "7 h 52 min", "12 min", "42 s". */
export function lasting(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NOT_KNOWN;
  if (Math.round(seconds) < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}

/** From how soon to how late, in minutes where that is enough. */
export function between(from: number, to: number): string {
  if (to < 90) return from === to ? `about ${to} s` : `${from} to ${to} s`;
  const [low, high] = [Math.max(1, Math.floor(from / 60)), Math.ceil(to / 60)];
  return low === high ? `about ${high} min` : `${low} to ${high} min`;
}

// Of 1,024 each, as the service's own limit and its messages are.
const UNITS = ["B", "KiB", "MiB", "GiB"] as const;

export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = value < 10 && unit > 0 ? 1 : 0;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}

export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || Number.isNaN(share)) return NOT_KNOWN;
  return told(share);
}

export const rate = (value: number | null | undefined) =>
  value === null || value === undefined ? NOT_KNOWN : value.toFixed(1);

export const count = (value: number | null | undefined) =>
  value === null || value === undefined ? NOT_KNOWN : value.toLocaleString("en");

/** An upload is known by its content; any other recording by the end of its key. */
export function recordingName(uri: string): string {
  const key = uri.replace(/^s3:\/\/[^/]+\//, "");
  const upload = /^uploads\/([A-Za-z0-9_-]{6})[A-Za-z0-9_-]*\.(\d+)\/[^/]+$/.exec(key);
  if (upload) return `upload ${upload[1]}… (${size(Number(upload[2]))})`;
  return key.split("/").slice(-2).join("/");
}
