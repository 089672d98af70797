/** What a page must carry to be known again: whose night, of which file, judged by what. */
import type { NightResponse } from "./response";
import { methodText } from "./words";

export interface Fact {
  name: string;
  value: string;
}

/** What is known beside the response, as of a file on one's own machine. */
export interface Known {
  recording?: string | null | undefined;
  subject?: string | null | undefined;
}

const NONE = "not given";

/** Whose night it is: what the result itself says comes before what somebody adds. */
export function subjectOf(response: NightResponse, added?: string | null): string {
  return response.subjectId || added || NONE;
}

/** What names a page: it stands at its head. */
export function identityOf(response: NightResponse, known: Known): Fact[] {
  const { source, result } = response;
  return [
    { name: "Subject", value: subjectOf(response, known.subject) },
    { name: "Recording", value: source?.s3Key ?? known.recording ?? NONE },
    { name: "Job", value: response.jobId ?? "none, analysed on one's own machine" },
    { name: "Device", value: `FeMo belt, format ${result.recording.format}` },
  ];
}

/** What is needed to repeat the analysis. */
export function methodOf(response: NightResponse): Fact[] {
  const { model, recording, training_distance: distance } = response.result;
  const { source } = response;
  return [
    { name: "Recorded from", value: recording.start },
    { name: "Analysed at", value: response.completedTimeStamp },
    ...(source?.versionId ? [{ name: "Version of the file", value: source.versionId }] : []),
    { name: "Model", value: model.version },
    { name: "Model package", value: model.package ?? "none" },
    {
      name: "Method",
      value: `${model.method}, version ${model.method_version}: ${methodText(model.method)}`,
    },
    { name: "Decided by", value: `${model.classifier}, from a probability of ${model.threshold}` },
    { name: "Settings", value: model.settings_digest },
    { name: "Unlike the training", value: unlike(distance) },
  ];
}

function unlike({
  distance,
  limit,
  strange,
}: NightResponse["result"]["training_distance"]): string {
  if (distance === null || strange === null) return "could not be told";
  const how = `${distance.toFixed(1)} spreads${limit === null ? "" : `, limit ${limit.toFixed(1)}`}`;
  return strange ? `yes (${how}): figures may be far off` : `no (${how})`;
}
