/** Says what a deployment does, and begins it. */
import { useConsole } from "../context";
import { Dialog } from "../Dialog";
import { Actions, useAction } from "./Actions";
import { deploymentWarning } from "./words";

interface DeployDialogProps {
  version: number;
  serving: number | null;
  onDone: (deploymentId: string) => void;
  onClosed: () => void;
}

export function DeployDialog({ version, serving, onDone, onClosed }: DeployDialogProps) {
  const { api } = useConsole();
  const action = useAction();
  const begin = (event: Event, close: () => void) => {
    event.preventDefault();
    action.run(async () => {
      const { deploymentId } = await api.deploy(version);
      close();
      onDone(deploymentId);
    });
  };
  return (
    <Dialog title={`Deploy version ${version}?`} onClosed={onClosed}>
      {(close) => (
        <form onSubmit={(event) => begin(event, close)}>
          {deploymentWarning(version, serving).map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          <Actions action={action} onCancel={close}>
            Deploy version {version}
          </Actions>
        </form>
      )}
    </Dialog>
  );
}
