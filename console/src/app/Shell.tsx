/** What stands around every page: its bar, its main part, the sentence that all of it carries. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { RESEARCH_USE } from "../night/words";
import { useConsole } from "./context";

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M4 18h6l2.5-7 4 12 3.2-9 2 4H28" />
    </svg>
  );
}

interface ShellProps {
  page: "jobs" | "upload" | "models" | "other";
  title: string;
  children: ComponentChildren;
  /** A page that brings its own heading. */
  hasHeading?: boolean;
}

export function Shell({ page, title, children, hasHeading = false }: ShellProps) {
  const main = useRef<HTMLElement>(null);
  const { docsUrl } = useConsole();
  useArrival(main, title);
  return (
    <>
      <button type="button" class="button skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Bar page={page} />
      <Offline />
      <main id="main" class="main" tabIndex={-1} ref={main}>
        {!hasHeading && <h1>{title}</h1>}
        {children}
      </main>
      <footer class="foot">
        <p>{RESEARCH_USE}</p>
        <p>
          For programs: <a href={docsUrl}>the API and its description</a>
        </p>
      </footer>
    </>
  );
}

function Bar({ page }: { page: ShellProps["page"] }) {
  const { name, signOut, queue } = useConsole();
  const leave = () => {
    if (!queue.isBusy || confirm("Not all recordings are submitted yet. Sign out all the same?")) {
      signOut();
    }
  };
  const current = (one: ShellProps["page"]) => (page === one ? "page" : undefined);
  return (
    <header class="bar">
      <a class="brand" href="#/jobs">
        <Mark />
        FeMo
      </a>
      <nav aria-label="Console">
        <a href="#/jobs" aria-current={current("jobs")}>
          Jobs
        </a>
        <a href="#/upload" aria-current={current("upload")}>
          Upload
        </a>
        <a href="#/models" aria-current={current("models")}>
          Models
        </a>
      </nav>
      <div class="who">
        <span class="who-name" title={name}>
          {name}
        </span>
        <button type="button" class="button button-quiet" onClick={leave}>
          Sign out
        </button>
      </div>
    </header>
  );
}

function Offline() {
  const [offline, setOffline] = useState(!navigator.onLine);
  useEffect(() => {
    const look = () => setOffline(!navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => {
      removeEventListener("online", look);
      removeEventListener("offline", look);
    };
  }, []);
  return (
    <div role="status" class="strip-holder">
      {offline && (
        <p class="strip">
          This computer is offline. What is shown may be old; uploads go on once it is back.
        </p>
      )}
    </div>
  );
}

let isFirstPage = true;

/** Name the page, and put the focus where it begins: a reader hears that it is another one. */
function useArrival(main: { current: HTMLElement | null }, title: string) {
  useEffect(() => {
    document.title = `${title} – FeMo`;
    if (!isFirstPage) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirstPage = false;
  }, [main, title]);
}
