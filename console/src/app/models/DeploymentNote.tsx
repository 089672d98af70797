/** Follows a deployment until it has ended, and says how. */
import { useEffect } from "preact/hooks";
import { useConsole } from "../context";
import { ProblemNote } from "../ProblemNote";
import { usePolled } from "../polling";
import { moment } from "../words";
import { deploymentText } from "./words";

const RUNNING_SECONDS = 5;

interface DeploymentNoteProps {
  deploymentId: string;
  /** It has ended: what serves may be another model. */
  onEnded: () => void;
}

export function DeploymentNote({ deploymentId, onEnded }: DeploymentNoteProps) {
  const { api } = useConsole();
  const { value, problem, again } = usePolled(
    deploymentId,
    () => api.deployment(deploymentId),
    (known) => (known?.status === "Running" ? { seconds: RUNNING_SECONDS } : null),
  );
  const status = value?.status;
  useEffect(() => {
    if (status && status !== "Running") onEnded();
  }, [status]);
  const told = value && deploymentText(value);
  return (
    <section aria-label="Deployment">
      {problem && <ProblemNote problem={problem} onRetry={again} />}
      <div role="status" class={told ? `note deployment deployment-${told.kind}` : ""}>
        {told && (
          <>
            <h2>{told.title}</h2>
            <p>{told.text}</p>
          </>
        )}
        {value && (
          <p class="note-facts">
            Begun {moment(value.startedAt)}
            {value.endedAt && `, ended ${moment(value.endedAt)}`} · {value.deploymentId}
          </p>
        )}
      </div>
    </section>
  );
}
