/** The nights of one subject side by side, the newest first. */
import type { NightResponse } from "../../night/response";
import type { Api, Job } from "../api";
import { useConsole } from "../context";
import { isUnreachable, responseOf, useNight } from "../night";
import { ProblemNote } from "../ProblemNote";
import { usePolled } from "../polling";
import { isPassing, isSignedOut } from "../problem";
import { jobLink, jobsLink } from "../router";
import { Shell } from "../Shell";

const MOST_NIGHTS = 14;
const AT_ONCE = 4;

interface Known {
  responses: NightResponse[];
  /** Jobs whose result could not be had. */
  missing: string[];
  /** Of these, jobs whose result may be had soon. */
  unreachable: string[];
  hasMore: boolean;
}

export function SubjectPage({ subjectId }: { subjectId: string }) {
  const { api } = useConsole();
  const { value, problem, again } = usePolled(
    subjectId,
    () => nightsOf(api, subjectId),
    () => null,
  );
  const { views, problem: unloaded, again: loadAgain } = useNight();
  const title = `Nights of ${subjectId}`;
  const hasNights = (value?.responses.length ?? 0) > 0;
  return (
    <Shell page="other" title={title} hasHeading={hasNights && views !== null}>
      <nav class="path" aria-label="Where this is">
        <a href="#/jobs">Jobs</a>
        <a href={jobsLink(new URLSearchParams({ subject: subjectId }))}>Jobs of {subjectId}</a>
      </nav>
      {problem && <ProblemNote problem={problem} onRetry={again} />}
      {!value && !problem && <p class="loading">Loading the nights …</p>}
      {value && !hasNights && value.missing.length + value.unreachable.length === 0 && (
        <p class="empty">No completed recording of {subjectId} could be found.</p>
      )}
      {value && value.missing.length > 0 && (
        <p class="note note-passing">
          Not shown, as their results cannot be read: {value.missing.join(", ")}
        </p>
      )}
      {value && value.unreachable.length > 0 && (
        <div class="note note-passing">
          <p>Not shown, as their results cannot be read now: {value.unreachable.join(", ")}</p>
          <button type="button" class="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
      {hasNights && unloaded && <ProblemNote problem={unloaded} onRetry={loadAgain} />}
      {hasNights && !views && !unloaded && <p class="loading">Drawing the nights …</p>}
      {value && views && hasNights && (
        <views.Nights
          responses={value.responses}
          linkOf={({ jobId }) => (jobId ? jobLink(jobId) : undefined)}
        />
      )}
      {value?.hasMore && <p class="empty">The newest {MOST_NIGHTS} are shown.</p>}
    </Shell>
  );
}

/** One night a recording: the newest job of each, as an analysis may have been repeated. */
export function newestOfEach(jobs: readonly Job[]): Job[] {
  const seen = new Set<string>();
  return jobs.filter(({ s3Key }) => !seen.has(s3Key) && seen.add(s3Key));
}

async function nightsOf(api: Api, subjectId: string): Promise<Known> {
  const list = await api.jobs({ subjectId, status: "Completed", limit: 100 });
  const jobs = newestOfEach(list.jobs.filter((job): job is Job => "createdAt" in job));
  const chosen = jobs.slice(0, MOST_NIGHTS);
  const found: (NightResponse | null)[] = chosen.map(() => null);
  const unreachable: string[] = [];
  const queue = chosen.entries();
  const work = async () => {
    for (const [index, { jobId }] of queue) {
      try {
        found[index] = await responseOf(api, await api.job(jobId));
      } catch (error) {
        // One result that is not there does not hide the others; what ails them all is told.
        if (isUnreachable(error)) unreachable.push(jobId);
        else if (isSignedOut(error) || isPassing(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    responses: found.filter((response) => response !== null),
    missing: chosen
      .filter(({ jobId }, index) => !found[index] && !unreachable.includes(jobId))
      .map(({ jobId }) => jobId),
    unreachable,
    hasMore: jobs.length > MOST_NIGHTS || Boolean(list.nextToken),
  };
}
