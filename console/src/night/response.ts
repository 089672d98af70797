/** A response as the view of a night takes it, and where the view's facts come from. */
import type { EventsResult, MetadataResult } from "./result.gen";

export type NightResult = EventsResult | MetadataResult;

/** What a view needs of a completed job, or of what `femo analyze` printed. */
export interface NightResponse {
  result: NightResult;
  completedTimeStamp: string;
  jobId?: string | null;
  /** The woman's pseudonym; of a job, where it has one. */
  subjectId?: string | null;
  source?: { s3Key: string; versionId?: string | null } | null;
}

/** A half-open stretch of time, in seconds from the start of the recording. */
export interface Stretch {
  start: number;
  end: number;
}

export const startOf = (result: NightResult): number => Date.parse(result.recording.start);

export const endOf = (result: NightResult): number =>
  startOf(result) + 1000 * result.recording.duration_seconds;
