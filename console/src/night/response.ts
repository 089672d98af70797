/** A response as the view of a night takes it, and where the view's facts come from. */
import type { EventsResponse, MetadataResponse } from "./result.gen";

/** What a completed job and `femo analyze` have in common; a job carries its subject, too. */
export type NightResponse = (EventsResponse | MetadataResponse) & {
  subjectId?: string | null;
};

export type NightResult = NightResponse["result"];

/** A half-open stretch of time, in seconds from the start of the recording. */
export interface Stretch {
  start: number;
  end: number;
}

export const startOf = (result: NightResult): number => Date.parse(result.recording.start);

export const endOf = (result: NightResult): number =>
  startOf(result) + 1000 * result.recording.duration_seconds;
