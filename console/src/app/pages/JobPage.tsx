/** One job: its night once it is completed, else where it stands or why there is none. */
import type { NightResponse } from "../../night/response";
import type { Job } from "../api";
import { useConsole } from "../context";
import { responseOf, useNight } from "../night";
import { ProblemNote } from "../ProblemNote";
import { usePolled } from "../polling";
import { subjectLink } from "../router";
import { ServiceNote } from "../ServiceNote";
import { Shell } from "../Shell";
import { StatusMark } from "../StatusMark";
import { moment, recordingName } from "../words";
import { Downloads } from "./Downloads";

const QUEUED_SECONDS = 3;

interface Known {
  job: Job;
  response: NightResponse | null;
}

export function JobPage({ jobId }: { jobId: string }) {
  const { api } = useConsole();
  const { value, problem, again } = usePolled<Known>(
    jobId,
    async () => {
      const job = await api.job(jobId);
      return { job, response: job.status === "Completed" ? await responseOf(api, job) : null };
    },
    (known) => (known?.job.status === "Queued" ? { seconds: QUEUED_SECONDS } : null),
  );
  // Fetched while the job is looked up; the night brings its own heading.
  const { views, problem: unloaded, again: loadAgain } = useNight();
  const isDrawn = value?.response != null && views !== null;
  return (
    <Shell page="other" title={`Job ${jobId}`} hasHeading={isDrawn}>
      <div class="path-row">
        <Path job={value?.job} />
        {value?.response && <Downloads jobId={jobId} />}
      </div>
      {problem && <ProblemNote problem={problem} onRetry={again} />}
      {!value && !problem && <p class="loading">Loading the job …</p>}
      {value && !value.response && <Waiting job={value.job} />}
      {value?.response && views && <views.Night response={value.response} />}
      {value?.response && unloaded && <ProblemNote problem={unloaded} onRetry={loadAgain} />}
      {value?.response && !views && !unloaded && <p class="loading">Drawing the night …</p>}
    </Shell>
  );
}

function Path({ job }: { job: Job | undefined }) {
  return (
    <nav class="path" aria-label="Where this is">
      <a href="#/jobs">Jobs</a>
      {job?.subjectId && <a href={subjectLink(job.subjectId)}>Nights of {job.subjectId}</a>}
    </nav>
  );
}

function Waiting({ job }: { job: Job }) {
  return (
    <section class="card" aria-label="Where the job stands">
      <p role="status" class="waiting-status">
        <StatusMark status={job.status} />
      </p>
      {job.status === "Queued" && (
        <>
          <p>
            The recording waits or is being analysed. This page shows the night once it is done.
          </p>
          <ServiceNote />
        </>
      )}
      {job.error && (
        <p>
          {job.error.message} <span class="note-facts">Code: {job.error.code}</span>
        </p>
      )}
      <dl class="facts">
        <dt>Submitted</dt>
        <dd>{moment(job.createdAt)}</dd>
        {job.completedTimeStamp && (
          <>
            <dt>Ended</dt>
            <dd>{moment(job.completedTimeStamp)}</dd>
          </>
        )}
        <dt>Recording</dt>
        <dd>{recordingName(job.s3Key)}</dd>
        <dt>Subject</dt>
        <dd>{job.subjectId ?? "not given"}</dd>
      </dl>
    </section>
  );
}
