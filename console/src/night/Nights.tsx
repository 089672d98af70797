/** Nights of one subject under each other, all on the same scale. */
import { useMemo } from "preact/hooks";
import { type AlignedNight, aligned } from "./align";
import { changeText, clockChanges, nightText, timeText } from "./clock";
import { subjectOf } from "./facts";
import { figuresOf } from "./figures";
import { Hatches, Swatch } from "./Hatches";
import { strengths as strengthsOf } from "./levels";
import { hatchOf } from "./looks";
import { Marks } from "./Marks";
import "./night.css";
import { Legend } from "./Panels";
import { endOf, type NightResponse, startOf } from "./response";
import { Strip } from "./Strip";
import { useZone } from "./useZone";
import { lasting, percent, RESEARCH_USE, reasonText } from "./words";
import { ZoneChoice } from "./ZoneChoice";

export interface NightsProps {
  /** Of completed jobs, in the order in which they are to stand. */
  responses: readonly NightResponse[];
  zone?: string;
  /** The woman's pseudonym, where the responses have none. */
  subject?: string | null;
  /** Where a night's own page is. */
  linkOf?: (response: NightResponse) => string | undefined;
}

export function Nights({ responses, zone: asked, subject, linkOf }: NightsProps) {
  const [zone, setZone] = useZone(asked);
  const nights = useMemo(
    () =>
      aligned(
        responses.map(({ result }) => result),
        zone,
      ),
    [responses, zone],
  );
  const subjects = [...new Set(responses.map((response) => subjectOf(response, subject)))];
  const reasons = new Set(
    responses.flatMap(({ result }) => result.recording.unjudged.map(({ reason }) => reason)),
  );
  return (
    <article class="night night-several">
      <Hatches />
      <header class="night-head">
        <div>
          <h1>{responses.length} nights</h1>
          <p>Subject: {subjects.join(", ")}</p>
        </div>
        <ZoneChoice zone={zone} onZone={setZone} />
      </header>
      <p class="night-research">
        <strong>{RESEARCH_USE}</strong>
      </p>
      {nights.map((night, number) => (
        <Line
          key={responses[number]?.jobId ?? number}
          {...{ night, zone }}
          number={number + 1}
          link={responses[number] && linkOf?.(responses[number])}
        />
      ))}
      <Legend results={responses.map(({ result }) => result)} />
      <ul class="night-legend" aria-label="Not judged">
        {[...reasons].map((reason) => (
          <li key={reason}>
            <Swatch reason={hatchOf(reason)} />
            not judged: {reasonText(reason)}
          </li>
        ))}
      </ul>
    </article>
  );
}

const SHOWN = [
  "Movements",
  "Movements per judged hour",
  "Longest without movement",
  "Hiccup bouts",
];

interface LineProps {
  night: AlignedNight;
  number: number;
  zone: string;
  link: string | undefined;
}

function Line({ night, number: place, zone, link }: LineProps) {
  const { result, from, to, hours } = night;
  const { judged_seconds: judged, duration_seconds: duration } = result.recording;
  const strengths = useMemo(() => strengthsOf(result), [result]);
  const title = nightText(startOf(result), endOf(result), zone);
  const changes = clockChanges(startOf(result), endOf(result), zone);
  return (
    <section class="night-line" aria-label={`Night ${place}: ${title}`}>
      <header>
        <h2>{link ? <a href={link}>{title}</a> : title}</h2>
        <p>
          {judged > 0 ? lasting(judged) : "Nothing"} of {lasting(duration)} could be judged
          {judged > 0 && ` (${percent(judged / duration)})`}
        </p>
      </header>
      <Strip {...{ result, strengths, from, to }} label={`${title}, on the shared scale`} />
      <Marks
        marks={hours.map((ms, at) => ({
          share: at / (hours.length - 1),
          text: timeText(ms, zone),
        }))}
      />
      {changes.map((change) => (
        <p key={change.atMs} class="night-changed">
          {changeText(change, zone)}
        </p>
      ))}
      <dl>
        {figuresOf(result, zone)
          .filter(({ name }) => SHOWN.includes(name))
          .map(({ name, value, known }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class={known ? "" : "night-word"}>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
