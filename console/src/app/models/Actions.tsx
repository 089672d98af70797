/** The buttons of a dialog that changes something, once; and why it did not. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ProblemNote } from "../ProblemNote";
import { type Problem, problemOf } from "../problem";

export interface Action {
  isBusy: boolean;
  problem: Problem | null;
  run: (work: () => Promise<void>) => void;
}

/** What a dialog does when it is confirmed; while it does, it is not begun again. */
export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = (work: () => Promise<void>) => {
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    work()
      .catch((error: unknown) => setProblem(problemOf(error)))
      .finally(() => setBusy(false));
  };
  return { isBusy, problem, run };
}

interface ActionsProps {
  action: Action;
  onCancel: () => void;
  children: ComponentChildren;
}

export function Actions({ action, onCancel, children }: ActionsProps) {
  return (
    <>
      {action.problem && <ProblemNote problem={action.problem} />}
      <div class="dialog-do">
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="button button-first" disabled={action.isBusy}>
          {children}
        </button>
      </div>
    </>
  );
}
