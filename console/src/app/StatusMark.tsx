/** A job's status, as a word with a mark beside it: colour alone tells nobody anything. */
import type { JobStatus } from "./api";

const MARKS: Readonly<Record<JobStatus, string>> = {
  Queued: "◔",
  Completed: "✓",
  Failed: "✕",
  Expired: "⌛︎",
};

export function StatusMark({ status }: { status: JobStatus | null | undefined }) {
  const known = status ?? "Failed";
  return (
    <span class={`status status-${known.toLowerCase()}`}>
      <span aria-hidden="true">{MARKS[known]}</span> {status ?? "Not readable"}
    </span>
  );
}
