/** What could be judged and why the rest could not: the first thing on the page. */
import { Swatch } from "./Hatches";
import { hatchOf } from "./looks";
import type { NightResult } from "./response";
import { lasting, percent, REASONS, RESEARCH_USE, reasonText } from "./words";

export function Judged({ result }: { result: NightResult }) {
  const { recording } = result;
  const { judged_seconds: judged, duration_seconds: duration } = recording;
  return (
    <section class="night-first" aria-labelledby="night-judged">
      <h2 id="night-judged">
        {judged > 0 ? lasting(judged) : "Nothing"} of {lasting(duration)} could be judged
        {judged > 0 && <small> {percent(judged / duration)}</small>}
      </h2>
      <Budget result={result} />
      <ul class="night-reasons" aria-label="Not judged">
        {unjudged(recording.unjudged_seconds).map(([reason, seconds]) => (
          <li key={reason}>
            <Swatch reason={hatchOf(reason)} />
            {reasonText(reason)} <b>{lasting(seconds)}</b>
          </li>
        ))}
        {judged === duration && <li>All of it was judged.</li>}
      </ul>
      {recording.judged_status !== "ok" && (
        <p class="night-stress">{recording.judged_explanation}</p>
      )}
      <p class="night-caveats">{caveats(result).join(" ")}</p>
      <p class="night-research">
        <strong>{RESEARCH_USE}</strong>
      </p>
    </section>
  );
}

/** One bar of the whole recording: judged and, by reason, not judged. */
function Budget({ result }: { result: NightResult }) {
  const { duration_seconds: duration, judged_seconds: judged } = result.recording;
  if (!duration) return null;
  let at = judged / duration;
  return (
    <svg class="night-budget" aria-hidden="true" focusable="false">
      <rect class="night-budget-judged" width={`${100 * at}%`} height="100%" />
      {unjudged(result.recording.unjudged_seconds).map(([reason, seconds]) => {
        const x = at;
        at += seconds / duration;
        return (
          <rect
            key={reason}
            x={`${100 * x}%`}
            width={`${(100 * seconds) / duration}%`}
            height="100%"
            fill={`url(#night-hatch-${hatchOf(reason)})`}
          />
        );
      })}
      <rect class="night-budget-edge" width="100%" height="100%" />
    </svg>
  );
}

/** The reasons that hold, in their usual order; those that only a newer service knows last. */
function unjudged(seconds: Readonly<Record<string, number>>): [string, number][] {
  const order = Object.keys(REASONS);
  const place = (reason: string) => (order.includes(reason) ? order.indexOf(reason) : order.length);
  return Object.entries(seconds)
    .filter(([, lasted]) => lasted > 0)
    .sort(([one], [other]) => place(one) - place(other));
}

function caveats({ recording }: NightResult): string[] {
  const told: string[] = [];
  const { judged_on_fewer_sensors_seconds: fewer, body_movement_unseen_seconds: unseen } =
    recording;
  if (fewer > 0) told.push(`${lasting(fewer)} of the judged time had a sensor off.`);
  if (unseen > 0) told.push(`In ${lasting(unseen)} of it maternal movement could not be told.`);
  return told;
}
