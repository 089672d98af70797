/** Before anybody is signed in. */

import { RESEARCH_USE } from "../night/words";
import { Mark } from "./Shell";

interface WelcomeProps {
  onSignIn: (() => void) | null;
  /** Why the last attempt did not work. */
  refused?: string | null;
}

export function Welcome({ onSignIn, refused = null }: WelcomeProps) {
  return (
    <main class="welcome">
      <Mark />
      <h1>FeMo</h1>
      <p>Fetal movements in recordings of the FeMo belt.</p>
      {refused && (
        <p class="note note-problem" role="alert">
          {refused}
        </p>
      )}
      {onSignIn && (
        <button type="button" class="button button-first" onClick={onSignIn}>
          Sign in
        </button>
      )}
      <p class="welcome-foot">{RESEARCH_USE}</p>
    </main>
  );
}
