/** The view of a night, fetched when the first one is looked at. */
import { useCallback, useEffect, useState } from "preact/hooks";
import type { NightResponse } from "../night/response";
import type { Api, Job } from "./api";
import { notLoaded, Problem } from "./problem";

type Views = typeof import("./nightViews");
let loaded: Promise<Views> | null = null;

export function loadNight(): Promise<Views> {
  loaded ??= import("./nightViews").catch((error) => {
    loaded = null; // the next look tries again
    throw error;
  });
  return loaded;
}

export interface LoadedNight {
  views: Views | null;
  /** Why there are none: the page that is open is not the one that is served any more, say. */
  problem: Problem | null;
  again: () => void;
}

export function useNight(): LoadedNight {
  const [views, setViews] = useState<Views | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const again = useCallback(() => {
    setProblem(null);
    loadNight().then(setViews, () => setProblem(notLoaded()));
  }, []);
  useEffect(again, [again]);
  return { views, problem, again };
}

/** The job was completed, and its result cannot be read for now. */
const UNREACHABLE = "result_unreachable";

export const isUnreachable = (error: unknown) =>
  error instanceof Problem && error.code === UNREACHABLE;

/** A completed job's whole response, with its subject; a Problem where there is none. */
export async function responseOf(api: Api, job: Job): Promise<NightResponse> {
  const { subjectId = null } = job;
  if (job.result) return { ...job, subjectId } as unknown as NightResponse;
  if (job.error) {
    const { code, message } = job.error;
    throw new Problem(message, code === UNREACHABLE ? 503 : -1, code);
  }
  if (!job.resultUrl) throw new Problem("The job has no result.", -1, "no_result");
  const response = (await api.result(job.resultUrl)) as NightResponse;
  return { ...response, subjectId };
}
