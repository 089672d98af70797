/** Whether jobs can be analysed now, told where they cannot begin at once. */
import type { Service } from "./api";
import { useConsole } from "./context";
import { usePolled } from "./polling";
import { between } from "./words";

const AT_REST_SECONDS = 60;
const CHANGING_SECONDS = 15;

const SERVING = new Set(["InService", "Updating", "SystemUpdating", "RollingBack"]);

export interface Told {
  kind: "ready" | "waiting" | "stopped";
  text: string;
}

/** What a person should know of the service before they send or wait for a recording. */
export function toldOf(service: Service): Told {
  const { asynchronous, serverless } = service.lanes;
  if (!SERVING.has(service.endpoint.status)) {
    return {
      kind: "stopped",
      text: "No model is in service, so recordings cannot be analysed. Ask the operator to deploy one.",
    };
  }
  const { fromSeconds, toSeconds } = asynchronous.expectedWait;
  const wait =
    fromSeconds === null || toSeconds === null ? "" : ` Expect ${between(fromSeconds, toSeconds)}.`;
  const short = serverless.state === "ready" ? " Short recordings are answered in seconds." : "";
  if (asynchronous.state === "cold") {
    return {
      kind: "waiting",
      text: `The service is asleep: the first recording wakes it.${wait}${short}`,
    };
  }
  if (asynchronous.state === "starting") {
    return { kind: "waiting", text: `The service is starting.${wait}${short}` };
  }
  return { kind: "ready", text: openText(service) };
}

function openText({ backlog }: Service): string {
  if (backlog.openJobs === null) return "The service is ready.";
  if (backlog.openJobs === 0) return "The service is ready, and nothing waits.";
  const many = backlog.openJobs === 1 ? "1 recording waits" : `${backlog.openJobs} recordings wait`;
  return `The service is ready; ${many} or ${backlog.openJobs === 1 ? "is" : "are"} being analysed.`;
}

const NOT_TOLD = "Whether the service is ready cannot be told now.";

export function ServiceNote() {
  const { api } = useConsole();
  const { value, problem } = usePolled("service", api.service, (service) => ({
    seconds: service && toldOf(service).kind === "waiting" ? CHANGING_SECONDS : AT_REST_SECONDS,
  }));
  const told = value && toldOf(value);
  return (
    <p role="status" class={`service service-${told?.kind ?? "unknown"}`}>
      {told?.text ?? (problem ? NOT_TOLD : "Looking at the service …")}
    </p>
  );
}
