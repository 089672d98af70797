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

/** Asks one question until it is stopped. */
class Poller<T> {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private dueAt: number | null = 0;
  /** As the service has asked. */
  private notBefore = 0;
  private isAsking = false;
  /** Once more: what is being answered may be older than the wish. */
  private isWanted = false;
  private isOver = false;

  constructor(
    private readonly ask: () => Promise<T>,
    private readonly paceOf: (value: T | null) => Pace | null,
    private readonly tell: (value: T | null, problem: Problem | null) => void,
  ) {}

  begin(): void {
    document.addEventListener("visibilitychange", this.wake);
    addEventListener("online", this.online);
    this.run();
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
    removeEventListener("online", this.online);
  }

  again(): void {
    this.isWanted = this.isAsking;
    this.run();
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    if (this.isAsking) return;
    this.isAsking = true;
    let value: T | null = null;
    let failure: Problem | null = null;
    try {
      value = await this.ask();
    } catch (error) {
      failure = problemOf(error);
    }
    this.isAsking = false;
    if (this.isOver) return;
    this.tell(value, failure);
    this.plan(value, failure);
    if (this.isWanted) this.again();
  }

  private plan(value: T | null, failure: Problem | null): void {
    this.failures = failure ? this.failures + 1 : 0;
    const pause = pauseAfter(this.paceOf(value), this.failures, failure);
    this.dueAt = pause === null ? null : Date.now() + 1000 * pause;
    this.notBefore = Date.now() + 1000 * (failure?.retryAfter ?? 0);
    this.wake();
  }

  /** Ask if it is time and somebody looks; else wait until then. */
  private readonly wake = (): void => {
    clearTimeout(this.timer);
    if (this.isOver || this.dueAt === null || document.hidden) return;
    this.timer = setTimeout(() => this.run(), Math.max(0, this.dueAt - Date.now()));
  };

  private readonly online = (): void => {
    if (this.dueAt !== null) this.dueAt = this.notBefore;
    this.wake();
  };
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
  const poller = useRef<Poller<T> | null>(null);
  const latest = useRef({ ask, paceOf });
  latest.current = { ask, paceOf };

  useEffect(() => {
    const begun = new Poller<T>(
      () => latest.current.ask(),
      (value) => latest.current.paceOf(value),
      (value, failure) => {
        if (value !== null) setKnown({ key, value });
        setProblem(failure);
      },
    );
    poller.current = begun;
    setProblem(null);
    begun.begin();
    return () => begun.stop();
  }, [key]);

  const again = () => poller.current?.again();
  return { value: known?.key === key ? known.value : null, problem, again };
}
