/** From the address to its page, for whoever is signed in. */
import { useEffect, useMemo, useReducer } from "preact/hooks";
import { apiOf } from "./api";
import type { ConsoleConfig } from "./config";
import { type Console, ConsoleContext } from "./context";
import { JobPage } from "./pages/JobPage";
import { JobsPage } from "./pages/JobsPage";
import { ModelsPage } from "./pages/ModelsPage";
import { SubjectPage } from "./pages/SubjectPage";
import { UploadPage } from "./pages/UploadPage";
import { useRoute } from "./router";
import { Shell } from "./Shell";
import type { Session, SignIn } from "./session";
import { UploadQueue } from "./upload/queue";
import { browserTransport } from "./upload/transport";

const MEBIBYTE = 1024 * 1024;

interface AppProps {
  config: ConsoleConfig;
  address: string;
  signIn: SignIn;
  session: Session;
}

export function App({ config, address, signIn, session }: AppProps) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const { api, queue, docsUrl } = useMemo(() => {
    const apiUrl = new URL(config.apiUrl, address).href.replace(/\/$/, "");
    const api = apiOf(apiUrl, session);
    const most = config.maxRecordingMegabytes * MEBIBYTE;
    const queue = new UploadQueue(api, browserTransport(api), most, () => redraw(null));
    return { api, queue, docsUrl: `${apiUrl}/docs/` };
  }, [config, address, session]);
  useUnloadGuard(queue);
  const value: Console = {
    api,
    queue,
    config,
    docsUrl,
    name: session.name,
    claims: session.claims,
    signInAgain: () => void signIn.leave(location.hash),
    signOut: () => void session.signOut(),
  };
  return (
    <ConsoleContext.Provider value={value}>
      <Page />
    </ConsoleContext.Provider>
  );
}

function Page() {
  const route = useRoute();
  switch (route.page) {
    case "jobs":
      return <JobsPage query={route.query} />;
    case "job":
      return <JobPage key={route.jobId} jobId={route.jobId} />;
    case "upload":
      return <UploadPage />;
    case "models":
      return <ModelsPage deploymentId={route.deploymentId} />;
    case "subject":
      return <SubjectPage key={route.subjectId} subjectId={route.subjectId} />;
    case "unknown":
      return (
        <Shell page="other" title="There is no such page">
          <p>
            The address names no page of this console. <a href="#/jobs">See the jobs</a>
          </p>
        </Shell>
      );
  }
}

/** Files that were chosen are lost with the page: ask before it is left until they are submitted. */
function useUnloadGuard(queue: UploadQueue) {
  useEffect(() => {
    const guard = (event: BeforeUnloadEvent) => {
      if (queue.isBusy) event.preventDefault();
    };
    addEventListener("beforeunload", guard);
    return () => removeEventListener("beforeunload", guard);
  }, [queue]);
}
