/** What of the listing is shown: as the address has it, as a form has it, as the API takes it. */
import type { JobStatus, ListQuery } from "./api";

export const STATUSES: readonly JobStatus[] = ["Queued", "Completed", "Failed", "Expired"];
export const PAGE_SIZE = 25;

export interface Filters {
  status: JobStatus | "";
  /** Local days, YYYY-MM-DD, both included. */
  from: string;
  to: string;
  recording: string;
  subject: string;
}

export const NO_FILTERS: Filters = { status: "", from: "", to: "", recording: "", subject: "" };

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function filtersOf(query: URLSearchParams): Filters {
  const text = (name: string) => query.get(name)?.trim() ?? "";
  const day = (name: string) => (DAY.test(text(name)) ? text(name) : "");
  const status = STATUSES.find((one) => one === text("status")) ?? "";
  return {
    status,
    from: day("from"),
    to: day("to"),
    recording: text("recording"),
    subject: text("subject"),
  };
}

export function addressOf(filters: Filters): URLSearchParams {
  const entries = Object.entries(filters).map(([name, value]) => [name, value.trim()] as const);
  return new URLSearchParams(entries.filter(([, value]) => value).map(([n, v]) => [n, v]));
}

/** The API's query: days become instants, the last one the start of the day after. */
export function queryOf(filters: Filters, nextToken: string | null): ListQuery {
  return {
    limit: PAGE_SIZE,
    ...(filters.status && { status: filters.status }),
    ...(filters.subject && { subjectId: filters.subject }),
    ...(filters.recording && { s3Key: filters.recording }),
    ...(filters.from && { from: startOfDay(filters.from, 0) }),
    ...(filters.to && { to: startOfDay(filters.to, 1) }),
    ...(nextToken && { nextToken }),
  };
}

function startOfDay(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** Pages are reached one after the other: the tokens of those before this one. */
export interface Pages {
  /** For each page up to this one, the token by which it was asked for; null for the first. */
  readonly tokens: readonly (string | null)[];
}

export const FIRST_PAGE: Pages = { tokens: [null] };
export const tokenOf = (pages: Pages) => pages.tokens.at(-1) ?? null;
export const older = (pages: Pages, next: string): Pages => ({ tokens: [...pages.tokens, next] });
export const newer = (pages: Pages): Pages =>
  pages.tokens.length > 1 ? { tokens: pages.tokens.slice(0, -1) } : pages;
