/** Asks for the comment of an approval or a rejection, having said what it does. */
import { useId, useState } from "preact/hooks";
import type { Decision, Model } from "../api";
import { useConsole } from "../context";
import { Dialog } from "../Dialog";
import { Actions, useAction } from "./Actions";
import { approvalWarning, commentOf, MOST_COMMENT, rejectionWarning } from "./words";

interface DecisionDialogProps {
  model: Model;
  decision: Decision;
  serving: number | null;
  onDone: (told: string) => void;
  onClosed: () => void;
}

export function DecisionDialog(props: DecisionDialogProps) {
  const { model, decision, serving, onDone, onClosed } = props;
  const { api } = useConsole();
  const [text, setText] = useState("");
  const [isWanting, setWanting] = useState(false);
  const action = useAction();
  const [field, help] = [useId(), useId()];
  const approves = decision === "Approved";
  const warning = approves
    ? approvalWarning(model.version, serving)
    : rejectionWarning(model, serving);
  const submit = (event: Event, close: () => void) => {
    event.preventDefault();
    const comment = commentOf(text);
    setWanting(comment === null);
    if (comment === null) return;
    action.run(async () => {
      await api.decide(model, decision, comment);
      onDone(doneText(model.version, approves));
      close();
    });
  };
  return (
    <Dialog
      title={`${approves ? "Approve" : "Reject"} version ${model.version}?`}
      onClosed={onClosed}
    >
      {(close) => (
        <form noValidate onSubmit={(event) => submit(event, close)}>
          {warning.map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          <div class="field">
            <label for={field}>Why</label>
            <input
              id={field}
              type="text"
              autocomplete="off"
              maxLength={MOST_COMMENT}
              required
              value={text}
              aria-invalid={isWanting}
              aria-describedby={help}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <p
              id={help}
              class={isWanting ? "help help-wrong" : "help"}
              role={isWanting ? "alert" : undefined}
            >
              {isWanting
                ? "Say why, in one line."
                : "It is kept with the model, with your pseudonym. No names of patients."}
            </p>
          </div>
          <Actions action={action} onCancel={close}>
            {approves ? "Approve and deploy" : "Reject"}
          </Actions>
        </form>
      )}
    </Dialog>
  );
}

const doneText = (version: number, approves: boolean) =>
  approves
    ? `Version ${version} is approved; its deployment begins by itself. This page shows when it serves.`
    : `Version ${version} is rejected.`;
