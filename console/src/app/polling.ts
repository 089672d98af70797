/** Asks again and again, politely: slower after failures, as the service asks, not while hidden. */
import { useEffect, useRef, useState } from "preact/hooks";
import { isPassing, type Problem, problemOf } from "./problem";

const LONGEST_PAUSE_SECONDS = 120;

export interface Pace {
  /** Between two answers that bring nothing special (s). */
  seconds: number;
}

/** The pause before the next question (s), never less than the service asks for; null: no more. */
export function pauseAfter(pace: Pace | null, failures: number, problem: Problem | null) {
  if (problem && !isPassing(problem)) return null;
  if (!pace && !problem) return null;
  const own = Math.min((pace?.seconds ?? 1) * 2 ** failures, LONGEST_PAUSE_SECONDS);
  return Math.max(own, problem?.retryAfter ?? 0);
}

export interface Polled<T> {
  value: T | null;
  problem: Problem | null;
  /** Ask now, or once more where an answer is on its way. */
  again: () => void;
}

/**
 * Ask at once, and again after the pause that the answer deserves.
 *
 * `key` names the question: another one drops what was known. `paceOf` tells how soon an answer
 * may be another one; null where it never is.
 */
export function usePolled<T>(
  key: string,
  ask: () => Promise<T>,
  paceOf: (value: T | null) => Pace | null,
): Polled<T> {
  const [known, setKnown] = useState<{ key: string; value: T } | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const now = useRef<() => void>(() => {});
  const latest = useRef({ ask, paceOf });
  latest.current = { ask, paceOf };

  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let dueAt: number | null = 0;
    let notBefore = 0; // as the service has asked
    let isAsking = false;
    let isWanted = false; // once more, as what is being answered may be older than the wish

    const plan = (value: T | null, failure: Problem | null) => {
      failures = failure ? failures + 1 : 0;
      const pause = pauseAfter(latest.current.paceOf(value), failures, failure);
      dueAt = pause === null ? null : Date.now() + 1000 * pause;
      notBefore = Date.now() + 1000 * (failure?.retryAfter ?? 0);
      wake();
    };
    const run = async () => {
      clearTimeout(timer);
      if (isAsking) return;
      isAsking = true;
      let value: T | null = null;
      let failure: Problem | null = null;
      try {
        value = await latest.current.ask();
      } catch (error) {
        failure = problemOf(error);
      }
      isAsking = false;
      if (isOver) return;
      if (value !== null) setKnown({ key, value });
      setProblem(failure);
      plan(value, failure);
      if (isWanted) again();
    };
    const again = () => {
      isWanted = isAsking;
      run();
    };
    /** Ask if it is time and somebody looks; else wait until then. */
    function wake() {
      clearTimeout(timer);
      if (isOver || dueAt === null || document.hidden) return;
      timer = setTimeout(run, Math.max(0, dueAt - Date.now()));
    }
    const online = () => {
      if (dueAt !== null) dueAt = notBefore;
      wake();
    };
    now.current = again;
    setProblem(null);
    run();
    document.addEventListener("visibilitychange", wake);
    addEventListener("online", online);
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", online);
    };
  }, [key]);

  return { value: known?.key === key ? known.value : null, problem, again: () => now.current() };
}
