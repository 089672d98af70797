/** What went wrong, in the service's own sentence, and by what an operator finds it. */
import { useConsole } from "./context";
import { isNotLoaded, isPassing, isSignedOut, type Problem } from "./problem";

interface ProblemNoteProps {
  problem: Problem;
  /** Ask again; absent where that would not help. */
  onRetry?: (() => void) | undefined;
}

export function ProblemNote({ problem, onRetry }: ProblemNoteProps) {
  const { signInAgain } = useConsole();
  const signedOut = isSignedOut(problem);
  const mayPass = isPassing(problem) || problem.code === "page_failed";
  return (
    <div class={mayPass ? "note note-passing" : "note note-problem"} role="alert">
      <p>{signedOut ? "Your session has ended. Sign in again to go on here." : problem.message}</p>
      <ProblemFacts problem={problem} />
      {signedOut && (
        <button type="button" class="button button-first" onClick={signInAgain}>
          Sign in again
        </button>
      )}
      {isNotLoaded(problem) && (
        <button type="button" class="button button-first" onClick={() => location.reload()}>
          Load the page again
        </button>
      )}
      {mayPass && onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Of problems that this page finds itself: no operator looks for them. */
const OWN_CODES = new Set(["no_answer", "page_failed", "page_not_loaded"]);

function ProblemFacts({ problem }: { problem: Problem }) {
  const facts = [
    !OWN_CODES.has(problem.code) && `Code: ${problem.code}`,
    problem.field && `Field: ${problem.field}`,
    problem.requestId && `Request: ${problem.requestId}`,
  ].filter(Boolean);
  return facts.length > 0 ? <p class="note-facts">{facts.join(" · ")}</p> : null;
}
