/** One row a job: judged time beside every number that was counted in it. */
import type { Job, UnreadableJob } from "../api";
import { jobLink, jobsLink, subjectLink } from "../router";
import { StatusMark } from "../StatusMark";
import { count, lasting, moment, NOT_KNOWN, percent, rate, recordingName } from "../words";

export function JobsTable({ jobs }: { jobs: readonly (Job | UnreadableJob)[] }) {
  return (
    <table class="jobs">
      <caption class="hidden">Jobs, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Submitted</th>
          <th scope="col">Status</th>
          <th scope="col">Recording</th>
          <th scope="col">Subject</th>
          <th scope="col" class="number">
            Length
          </th>
          <th scope="col" class="number">
            Judged
          </th>
          <th scope="col" class="number">
            Movements
          </th>
          <th scope="col" class="number">
            Per judged hour
          </th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) =>
          "createdAt" in job ? (
            <Row key={job.jobId} job={job} />
          ) : (
            <Unreadable key={job.jobId} job={job} />
          ),
        )}
      </tbody>
    </table>
  );
}

function Row({ job }: { job: Job }) {
  const { summary } = job;
  const recording = new URLSearchParams({ recording: job.s3Key });
  return (
    <tr>
      <th scope="row" data-label="Submitted">
        <a href={jobLink(job.jobId)}>{moment(job.createdAt)}</a>
        <small>{job.jobId}</small>
      </th>
      <td data-label="Status">
        <StatusMark status={job.status} />
        {job.error && <small>{job.error.message}</small>}
      </td>
      <td data-label="Recording">
        <a class="plain" href={jobsLink(recording)} title={job.s3Key}>
          {recordingName(job.s3Key)}
        </a>
      </td>
      <td data-label="Subject">
        {job.subjectId ? (
          <a class="plain" href={subjectLink(job.subjectId)}>
            {job.subjectId}
          </a>
        ) : (
          NOT_KNOWN
        )}
      </td>
      <td data-label="Length" class="number">
        {lasting(summary?.durationSeconds)}
      </td>
      <td data-label="Judged" class="number">
        {summary ? percent(summary.judgedSeconds / summary.durationSeconds) : NOT_KNOWN}
      </td>
      <td data-label="Movements" class="number">
        {count(summary?.movementCount)}
      </td>
      <td data-label="Per judged hour" class="number">
        {rate(summary?.movementsPerJudgedHour)}
      </td>
    </tr>
  );
}

function Unreadable({ job }: { job: UnreadableJob }) {
  return (
    <tr>
      <th scope="row" data-label="Submitted">
        {NOT_KNOWN}
        <small>{job.jobId}</small>
      </th>
      <td data-label="Status" colSpan={7}>
        <StatusMark status={job.status} />
        <small>{job.error.message}</small>
      </td>
    </tr>
  );
}
