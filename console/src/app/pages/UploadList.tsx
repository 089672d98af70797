/** A bar for each recording that is sent, and what became of it. */
import { useConsole } from "../context";
import { ProblemNote } from "../ProblemNote";
import { jobLink } from "../router";
import type { Item } from "../upload/queue";
import { size } from "../words";

export function UploadList() {
  const { queue } = useConsole();
  if (queue.items.length === 0) return null;
  const done = queue.items.filter(({ stage }) => stage === "submitted").length;
  return (
    <section class="uploads" aria-labelledby="uploads-title">
      <h2 id="uploads-title">
        {done} of {queue.items.length} submitted
      </h2>
      <ul>
        {queue.items.map((item) => (
          <Row key={item.id} item={item} />
        ))}
      </ul>
    </section>
  );
}

const STAGES: Readonly<Record<Item["stage"], string>> = {
  waiting: "Waits for its turn",
  reading: "Reading",
  sending: "Sending",
  submitting: "Submitting",
  submitted: "Submitted",
  stopped: "Stopped",
};

/** What is said of an upload; the same text for as long as nothing but its bar moves. */
const stageText = ({ stage, refused }: Item) => (refused ? "Not taken" : STAGES[stage]);

function Row({ item }: { item: Item }) {
  const { queue } = useConsole();
  const { file, stage, bytes, problem, refused, job } = item;
  const share = file.size === 0 ? 0 : Math.floor((100 * bytes) / file.size);
  const isMoving = stage === "reading" || stage === "sending";
  return (
    <li class={`item item-${refused || problem ? "stopped" : stage}`}>
      <div class="item-head">
        <strong>{file.name}</strong>
        <span class="item-size">{size(file.size)}</span>
        <span class="item-stage" role="status">
          {stageText(item)}
        </span>
        {isMoving && <span class="item-share">{share} %</span>}
        {stage === "submitted" && job && <a href={jobLink(job.jobId)}>Open the job</a>}
        {stage !== "submitting" && (
          <button
            type="button"
            class="button button-quiet"
            aria-label={`${stage === "submitted" ? "Take away" : "Stop and take away"}: ${file.name}`}
            onClick={() => queue.remove(item.id)}
          >
            ✕
          </button>
        )}
      </div>
      {stage !== "submitted" && !refused && (
        <progress max={100} value={share} aria-label={`${STAGES[stage]}: ${file.name}`} />
      )}
      {refused && <p class="note note-problem">{refused}</p>}
      {problem && <ProblemNote problem={problem} />}
      {problem && (
        <button type="button" class="button" onClick={() => queue.retry(item.id)}>
          Go on
        </button>
      )}
    </li>
  );
}
