/** The jobs, newest first; what is on the way shows itself. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Job, JobList, UnreadableJob } from "../api";
import { useConsole } from "../context";
import {
  addressOf,
  FIRST_PAGE,
  type Filters,
  filtersOf,
  newer,
  older,
  queryOf,
  tokenOf,
} from "../filters";
import { ProblemNote } from "../ProblemNote";
import { usePolled } from "../polling";
import { jobsLink } from "../router";
import { ServiceNote } from "../ServiceNote";
import { Shell } from "../Shell";
import { FilterForm } from "./FilterForm";
import { JobsTable } from "./JobsTable";

const QUEUED_SECONDS = 5;
const AT_REST_SECONDS = 30;

/** Soon where something is on its way; rarely on a page whose jobs have all ended. */
export function paceOf(list: JobList | null) {
  const waits = list?.jobs.some((job) => job.status === "Queued") ?? false;
  return { seconds: waits ? QUEUED_SECONDS : AT_REST_SECONDS };
}

export function JobsPage({ query }: { query: URLSearchParams }) {
  const address = addressOf(filtersOf(query)).toString();
  // Other filters are another listing: it begins on its first page.
  return <Listing key={address} filters={filtersOf(query)} />;
}

function Listing({ filters }: { filters: Filters }) {
  const { api } = useConsole();
  const [pages, setPages] = useState(FIRST_PAGE);
  const token = tokenOf(pages);
  const { value, problem, again } = usePolled(
    `${addressOf(filters)}#${token}`,
    () => api.jobs(queryOf(filters, token)),
    paceOf,
  );
  const next = value?.nextToken ?? null;
  return (
    <Shell page="jobs" title="Jobs">
      <ServiceNote />
      <FilterForm
        filters={filters}
        onApply={(chosen) => {
          location.hash = jobsLink(addressOf(chosen));
        }}
      />
      {problem && <ProblemNote problem={problem} onRetry={again} />}
      {/* Another page has other jobs, none of which is new for that. */}
      <Changes key={token} list={value} />
      {value && value.jobs.length > 0 && <JobsTable jobs={value.jobs} />}
      {value && value.jobs.length === 0 && <NoJobs filters={filters} hasMore={next !== null} />}
      {!value && !problem && <p class="loading">Loading jobs …</p>}
      {value && (next || pages.tokens.length > 1) && (
        <nav class="pages" aria-label="Pages">
          <button
            type="button"
            class="button"
            disabled={pages.tokens.length === 1}
            onClick={() => setPages(newer(pages))}
          >
            ← Newer
          </button>
          <span>Page {pages.tokens.length}</span>
          <button
            type="button"
            class="button"
            disabled={!next}
            onClick={() => next && setPages(older(pages, next))}
          >
            Older →
          </button>
        </nav>
      )}
    </Shell>
  );
}

function NoJobs({ filters, hasMore }: { filters: Filters; hasMore: boolean }) {
  const isFiltered = addressOf(filters).size > 0;
  if (hasMore) return <p class="empty">None among these; there are older jobs to look through.</p>;
  if (isFiltered) return <p class="empty">No job fits these filters.</p>;
  return (
    <div class="empty">
      <p>There are no jobs yet.</p>
      <a class="button button-first" href="#/upload">
        Upload a recording
      </a>
    </div>
  );
}

/** Says to a screen reader what has changed since it was read. */
function Changes({ list }: { list: JobList | null }) {
  const [text, setText] = useState("");
  const known = useRef<JobList["jobs"] | null>(null);
  useEffect(() => {
    if (!list) return;
    if (known.current) setText(changesBetween(known.current, list.jobs) || "");
    known.current = list.jobs;
  }, [list]);
  return (
    <p class="hidden" role="status">
      {text}
    </p>
  );
}

export function changesBetween(
  before: readonly (Job | UnreadableJob)[],
  after: readonly (Job | UnreadableJob)[],
): string {
  const statuses = new Map(before.map(({ jobId, status }) => [jobId, status]));
  const ended = after.filter(
    ({ jobId, status }) => statuses.get(jobId) === "Queued" && status !== "Queued",
  );
  const fresh = after.filter(({ jobId }) => !statuses.has(jobId)).length;
  const said = ended.map(({ jobId, status }) => `${jobId}: ${status}.`);
  if (fresh > 0) said.push(fresh === 1 ? "1 new job." : `${fresh} new jobs.`);
  return said.join(" ");
}
