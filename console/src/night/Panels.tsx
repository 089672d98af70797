/** What stands beside the chart: figures, legend, sensors, notices, and the page's identity. */
import { teller } from "./clock";
import type { Fact } from "./facts";
import type { Figure } from "./figures";
import { fullHeight } from "./levels";
import { SHADES } from "./looks";
import { endOf, type NightResult, startOf } from "./response";
import { PressMark } from "./Strip";
import { type SensorFacts, sensorFacts } from "./sensors";
import { lasting, many, offText, sensorText } from "./words";

export function Figures({ figures }: { figures: readonly Figure[] }) {
  return (
    <section class="night-figures" aria-labelledby="night-figures">
      <h2 id="night-figures">Numbers</h2>
      <dl>
        {figures.map(({ name, value, known, notes }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <b class={known ? "night-value" : "night-value night-word"}>{value}</b>
              {notes.map((note) => (
                <span key={note} class="night-note">
                  {note}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

interface LegendProps {
  results: readonly NightResult[];
}

/** What the charts of these nights use. */
export function Legend({ results }: LegendProps) {
  const overview = results.find((result) => result.overview)?.overview ?? results[0]?.overview;
  return (
    <ul class="night-legend" aria-label="Legend">
      {SHADES.map(({ name, text }, number) => (
        <li key={name}>
          <svg width="12" height="14" aria-hidden="true" focusable="false">
            <line x1="6" x2="6" y1="1" y2="13" class={`night-movement night-key night-${name}`} />
          </svg>
          {number === 0 && "movement, probability "}
          {text}
        </li>
      ))}
      <li>
        {overview
          ? `height: strength over the sensors' own level, up to ${fullHeight(overview)} ${overview.level_unit}`
          : `height: strength not known, as ${overview === null ? "no sensor could be used" : "this result has no overview"}`}
      </li>
      {results.some(({ hiccup_bouts: bouts }) => bouts?.length) && (
        <li>
          <svg width="20" height="12" aria-hidden="true" focusable="false">
            <rect y="3" width="20" height="6" class="night-bout" />
          </svg>
          hiccup bout
        </li>
      )}
      {results.some(({ regular_pulses: pulses }) => pulses?.length) && (
        <li>
          <svg width="20" height="12" aria-hidden="true" focusable="false">
            <line x1="0" x2="20" y1="6" y2="6" class="night-pulses" />
          </svg>
          regular pulses, of unknown origin
        </li>
      )}
      {results.some(({ presses }) => presses.length) && (
        <>
          <PressKey judged matched text="the mother pressed: movement within 5 s" />
          <PressKey judged matched={false} text="no movement within 5 s" />
          <PressKey judged={false} matched={null} text="press not judged" />
        </>
      )}
    </ul>
  );
}

function PressKey(props: { judged: boolean; matched: boolean | null; text: string }) {
  return (
    <li>
      <svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true" focusable="false">
        <PressMark judged={props.judged} matched={props.matched} />
      </svg>
      {props.text}
    </li>
  );
}

export function Sensors({ result, zone }: { result: NightResult; zone: string }) {
  const at = teller(startOf(result), endOf(result), zone);
  return (
    <section class="night-sensors" aria-labelledby="night-sensors">
      <h2 id="night-sensors">Sensors</h2>
      <table>
        <caption class="night-hidden">When each sensor was off</caption>
        <thead class="night-hidden">
          <tr>
            <th scope="col">Sensor</th>
            <th scope="col">Over the recording</th>
            <th scope="col">Off</th>
          </tr>
        </thead>
        <tbody>
          {sensorFacts(result).map((sensor) => (
            <tr key={sensor.name}>
              <th scope="row">{sensorText(sensor.name)}</th>
              <td class="night-sensor-line">
                <SensorLine sensor={sensor} duration={result.recording.duration_seconds} />
              </td>
              <td>{offWords(sensor, result, at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function SensorLine({ sensor, duration }: { sensor: SensorFacts; duration: number }) {
  const share = (seconds: number) => `${(100 * seconds) / duration}%`;
  return (
    <svg class="night-sensor" aria-hidden="true" focusable="false">
      {sensor.live !== false && <rect y="40%" width="100%" height="20%" class="night-sensor-on" />}
      {sensor.off.map((row) => (
        <rect
          key={row.start_seconds}
          x={share(row.start_seconds)}
          width={share(row.end_seconds - row.start_seconds)}
          height="100%"
          class="night-sensor-off"
        />
      ))}
    </svg>
  );
}

function offWords(sensor: SensorFacts, result: NightResult, at: (ms: number) => string): string {
  if (sensor.live === false) return "gives no signal";
  if (!sensor.off.length) return sensor.live === null ? "unknown" : "never off";
  const longest = sensor.off.reduce((one, other) =>
    other.end_seconds - other.start_seconds > one.end_seconds - one.start_seconds ? other : one,
  );
  const [from, to] = [longest.start_seconds, longest.end_seconds].map((seconds) =>
    at(startOf(result) + 1000 * seconds),
  );
  const span = `${from} to ${to}`;
  const why = [...new Set(sensor.off.map(({ reason }) => offText(reason)))].join(", ");
  const times =
    sensor.off.length === 1 ? span : `${many(sensor.off.length, "time")}, longest ${span}`;
  return `off ${lasting(sensor.offSeconds)}, ${times} (${why})`;
}

/** What the table of the sensors tells already; on paper it is told once. */
const TOLD_BY_SENSORS = "sensor_off";

export function Notices({ result }: { result: NightResult }) {
  if (!result.notices.length) return null;
  return (
    <section class="night-notices" aria-labelledby="night-notices">
      <h2 id="night-notices">Notices</h2>
      <ul>
        {result.notices.map(({ code, text }) => (
          <li key={text} class={code === TOLD_BY_SENSORS ? "night-screen" : ""}>
            {text}{" "}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface FactsProps {
  title: string;
  facts: readonly Fact[];
  place: string;
}

export function Facts({ title, facts, place }: FactsProps) {
  return (
    <section class={`night-facts ${place}`} aria-label={title}>
      <h2>{title}</h2>
      <dl>
        {facts.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
