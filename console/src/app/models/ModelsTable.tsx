/** One row a version: its figures with what is beside them, what was decided, what can be done. */
import type { Decision, Model } from "../api";
import { useConsole } from "../context";
import { moment } from "../words";
import { FIRST_METRICS, type FigureText, figureOf, gainOf, metricName } from "./figures";
import { approvalMark, approvalText, decidedBy, servesText, servingVersion } from "./words";

/** What a person asks for of a version. */
export type Asked =
  | { kind: "figures"; model: Model }
  | { kind: "deploy"; model: Model }
  | { kind: "decide"; model: Model; decision: Decision };

interface ModelsTableProps {
  models: readonly Model[];
  onAsk: (asked: Asked) => void;
}

export function ModelsTable({ models, onAsk }: ModelsTableProps) {
  const { claims } = useConsole();
  const serving = servingVersion(models);
  return (
    <table class="jobs models">
      <caption class="hidden">Versions of the model, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Version</th>
          <th scope="col">Approval</th>
          {FIRST_METRICS.map((metric) => (
            <th scope="col" key={metric}>
              {metricName(metric)}
            </th>
          ))}
          <th scope="col">Gain in F1</th>
          {claims.mayDecideModels && <th scope="col">Decide</th>}
        </tr>
      </thead>
      <tbody>
        {models.map((model) => (
          <tr key={model.version} class={model.serves.length > 0 ? "serving" : ""}>
            <VersionCell model={model} onAsk={onAsk} />
            <ApprovalCell model={model} />
            {FIRST_METRICS.map((metric) => (
              <FigureCell key={metric} figure={figureOf(model.metrics, metric)} />
            ))}
            <FigureCell figure={gainOf(model.gain)} />
            {claims.mayDecideModels && <DecideCell {...{ model, serving, onAsk }} />}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

type CellProps = Pick<ModelsTableProps, "onAsk"> & { model: Model };

function VersionCell({ model, onAsk }: CellProps) {
  const serves = servesText(model);
  return (
    <th scope="row" data-label="Version">
      <b>{model.version}</b>
      {serves && <span class="serves">{serves}</span>}
      <small>{model.modelPackage}</small>
      <small>Registered {moment(model.createdAt)}</small>
      <button
        type="button"
        class="button button-quiet button-small"
        aria-label={`All figures of version ${model.version}`}
        onClick={() => onAsk({ kind: "figures", model })}
      >
        All figures
      </button>
    </th>
  );
}

function ApprovalCell({ model }: { model: Model }) {
  const { claims } = useConsole();
  const { status, comment } = model.approval;
  const by = decidedBy(model, claims.userId);
  return (
    <td data-label="Approval" class="approval">
      <span class={`status approval-${status.toLowerCase()}`}>
        <span aria-hidden="true">{approvalMark(status)}</span> {approvalText(status)}
      </span>
      {comment && <q>{comment}</q>}
      {by && <small>{by}</small>}
    </td>
  );
}

function FigureCell({ figure }: { figure: FigureText }) {
  return (
    <td data-label={figure.name} class="figure">
      <Figure figure={figure} />
    </td>
  );
}

export function Figure({ figure: { value, known, notes } }: { figure: FigureText }) {
  return (
    <>
      <span class={known ? "value" : "unknown"}>{value}</span>
      {notes.map((note) => (
        <small key={note}>{note}</small>
      ))}
    </>
  );
}

function DecideCell({ model, serving, onAsk }: CellProps & { serving: number | null }) {
  const { version, approval } = model;
  const isApproved = approval.status === "Approved";
  const deploy =
    version === serving
      ? "Deploy again"
      : serving === null || version > serving
        ? "Deploy"
        : "Go back to it";
  return (
    <td data-label="Decide" class="decide">
      {isApproved ? (
        <Choice text={deploy} version={version} onClick={() => onAsk({ kind: "deploy", model })} />
      ) : (
        <Choice
          text="Approve"
          version={version}
          onClick={() => onAsk({ kind: "decide", model, decision: "Approved" })}
        />
      )}
      {approval.status !== "Rejected" && (
        <Choice
          text="Reject"
          version={version}
          onClick={() => onAsk({ kind: "decide", model, decision: "Rejected" })}
        />
      )}
    </td>
  );
}

interface ChoiceProps {
  text: string;
  version: number;
  onClick: () => void;
}

function Choice({ text, version, onClick }: ChoiceProps) {
  return (
    <button
      type="button"
      class="button button-small"
      aria-label={`${text}: version ${version}`}
      onClick={onClick}
    >
      {text}
    </button>
  );
}
