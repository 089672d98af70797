/** Approvals, lanes and deployments in words. */
import type { Deployment, Model } from "../api";

type Status = Model["approval"]["status"];

const STATUSES: Readonly<Record<Status, string>> = {
  Approved: "Approved",
  Rejected: "Rejected",
  PendingManualApproval: "Waits for a decision",
};
const MARKS: Readonly<Record<Status, string>> = {
  Approved: "✓",
  Rejected: "✕",
  PendingManualApproval: "◔",
};

export const approvalText = (status: Status) => STATUSES[status] ?? status;
export const approvalMark = (status: Status) => MARKS[status] ?? "";

/** Who has decided: by a pseudonym, as nobody is named. */
export function decidedBy({ approval }: Model, userId: string | null): string | null {
  if (approval.status === "PendingManualApproval") return null;
  if (approval.userId === null) return "Who decided is not recorded.";
  return approval.userId === userId ? "Decided by you" : `Decided by ${approval.userId}`;
}

const LANES: Readonly<Record<string, string>> = {
  asynchronous: "the queue",
  serverless: "the fast lane",
};

/** The lanes on which a version answers, or null for none. */
export function servesText({ serves }: Model): string | null {
  const lanes = serves.map((lane) => LANES[lane] ?? lane);
  return lanes.length === 0 ? null : `In service: ${lanes.join(" and ")}`;
}

/** The version that answers the queue's jobs, which a deployment replaces. */
export const servingVersion = (models: readonly Model[]): number | null =>
  models.find(({ serves }) => serves.includes("asynchronous"))?.version ?? null;

/** What deploying a version does, said before it is done. */
export function deploymentWarning(version: number, serving: number | null): string[] {
  const first =
    serving === null
      ? `Version ${version} is put into service. None of the versions here serves now.`
      : serving === version
        ? `Version ${version} serves already: it is put into service anew.`
        : `Version ${version} takes the place of version ${serving}.`;
  return [
    first,
    "It must answer a smoke job first. If it fails, what was proven last serves again; where " +
      "nothing was, no model is in service.",
    "Recordings that are sent meanwhile are analysed; each result names the model that made it.",
    "It takes minutes. A deployment that is under way gives way to this one.",
  ];
}

/** What approving a version does. */
export const approvalWarning = (version: number, serving: number | null): string[] => [
  `Version ${version} may be put into service, and its deployment begins at once.`,
  ...deploymentWarning(version, serving).slice(1),
];

/** What rejecting a version does; that of the one in service is told first. */
export function rejectionWarning({ version, serves }: Model, serving: number | null): string[] {
  if (serves.length > 0)
    return [
      `Version ${version} is in service, and goes on serving: deploy another version to end that.`,
      "Once it does not serve, it can be deployed again only after another approval.",
    ];
  const rest = serving === null ? "What serves" : `Version ${serving}`;
  return [`Version ${version} cannot be put into service. ${rest} goes on serving.`];
}

type Outcome = NonNullable<Deployment["outcome"]>;

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  DEPLOYED: "deployed",
  ROLLED_BACK: "rolled back",
  NOT_ROLLED_BACK: "in service, not proven",
  WITHDRAWN: "withdrawn",
  SUPERSEDED: "superseded by a newer deployment",
  REFUSED: "refused",
};
const EXPLANATIONS: Readonly<Record<Outcome, string>> = {
  DEPLOYED: "It has answered the smoke job.",
  ROLLED_BACK: "The new one could not be put into service, or did not answer the smoke job.",
  NOT_ROLLED_BACK:
    "The smoke job could not be tried, and the old model could not be put back. Deploy the old version.",
  WITHDRAWN:
    "The new one did not answer the smoke job, and there is no earlier model to go back to. Deploy another version.",
  SUPERSEDED: "What was started later decides what serves.",
  REFUSED: "It is not approved. What served before goes on serving.",
};

export interface DeploymentText {
  kind: "running" | "done" | "other";
  title: string;
  text: string;
}

export function deploymentText(deployment: Deployment): DeploymentText {
  const { version, status, outcome, message } = deployment;
  const model = version === null ? "A model that is not registered" : `Version ${version}`;
  if (status === "Running") {
    const text = "It waits for its turn or is at work; what serves now serves until it is proven.";
    return { kind: "running", title: `${model}: being deployed`, text };
  }
  if (status === "Failed") {
    const text = "What served goes on serving, and the operator is told.";
    return { kind: "other", title: `${model}: the deployment failed`, text };
  }
  if (outcome === null) {
    return {
      kind: "other",
      title: `${model}: the deployment has ended`,
      text: "Its outcome is not known.",
    };
  }
  return {
    kind: outcome === "DEPLOYED" ? "done" : "other",
    title: `${model}: ${OUTCOMES[outcome] ?? outcome}`,
    text: [message, EXPLANATIONS[outcome]].filter(Boolean).join(" "),
  };
}

export const MOST_COMMENT = 500;

/** A comment as the API takes it, in one line whatever parts lines; null where it says nothing. */
export const commentOf = (text: string): string | null =>
  text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim()
    .slice(0, MOST_COMMENT) || null;
