/** The versions of the model: what they measured, which one serves, and putting one there. */
import { useState } from "preact/hooks";
import type { Model } from "../api";
import { useConsole } from "../context";
import { DecisionDialog } from "../models/DecisionDialog";
import { DeployDialog } from "../models/DeployDialog";
import { DeploymentNote } from "../models/DeploymentNote";
import { FiguresDialog } from "../models/FiguresDialog";
import { type Asked, ModelsTable } from "../models/ModelsTable";
import { servingVersion } from "../models/words";
import { ProblemNote } from "../ProblemNote";
import { usePolled } from "../polling";
import { deploymentLink } from "../router";
import { Shell } from "../Shell";

const PAGE_SIZE = 20;
const MOST_MODELS = 50;
const SECONDS = 30;

export function ModelsPage({ deploymentId }: { deploymentId: string | null }) {
  const { api, claims } = useConsole();
  const [limit, setLimit] = useState(PAGE_SIZE);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [told, setTold] = useState("");
  const { value, problem, again } = usePolled(
    `models ${limit}`,
    () => api.models(limit),
    () => ({ seconds: SECONDS }),
  );
  const done = (text: string) => {
    setTold(text);
    again();
  };
  return (
    <Shell page="models" title="Models">
      {!claims.mayDecideModels && <NoDecisions />}
      {value && <Serving models={value} />}
      {deploymentId && (
        <DeploymentNote key={deploymentId} deploymentId={deploymentId} onEnded={again} />
      )}
      <div role="status">{told && <p class="note">{told}</p>}</div>
      {problem && <ProblemNote problem={problem} onRetry={again} />}
      {!value && !problem && <p class="loading">Loading the models …</p>}
      {value?.length === 0 && <NoModels />}
      {value && value.length > 0 && <ModelsTable models={value} onAsk={setAsked} />}
      {value && limit < MOST_MODELS && value.length >= limit && (
        <p class="pages">
          <button type="button" class="button" onClick={() => setLimit(MOST_MODELS)}>
            Show older versions
          </button>
        </p>
      )}
      {asked && (
        <Question
          asked={asked}
          models={value ?? []}
          onDone={done}
          onClosed={() => setAsked(null)}
        />
      )}
    </Shell>
  );
}

interface QuestionProps {
  asked: Asked;
  models: readonly Model[];
  onDone: (told: string) => void;
  onClosed: () => void;
}

function Question({ asked, models, onDone, onClosed }: QuestionProps) {
  const { model } = asked;
  const serving = servingVersion(models);
  switch (asked.kind) {
    case "figures":
      return <FiguresDialog {...{ model, onClosed }} />;
    case "decide":
      return <DecisionDialog {...{ model, serving, onDone, onClosed }} decision={asked.decision} />;
    case "deploy":
      return (
        <DeployDialog
          version={model.version}
          {...{ serving, onClosed }}
          onDone={(deploymentId) => {
            location.hash = deploymentLink(deploymentId);
          }}
        />
      );
  }
}

function Serving({ models }: { models: readonly Model[] }) {
  const serving = servingVersion(models);
  return (
    <p class={serving === null ? "service service-stopped" : "service service-ready"}>
      {serving === null
        ? "None of these versions is in service."
        : `Version ${serving} is in service.`}
    </p>
  );
}

function NoDecisions() {
  return (
    <p class="note">
      You see the models and their figures. To approve and deploy them is for members of the group
      modelApprovers, whom the operator of this service names.
    </p>
  );
}

function NoModels() {
  return (
    <p class="empty">
      No model has been registered yet. The operator trains one, and it stands here.
    </p>
  );
}
