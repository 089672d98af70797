/** The minutes of a night: each group of sensors over its level, and the events above them. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { timeText, zoneText } from "./clock";
import { minutesSentence } from "./describe";
import { EventsTable } from "./EventsTable";
import type { NightEvent } from "./events";
import { keyed, useGestures } from "./gestures";
import { type GroupLevels, groupLevels } from "./levels";
import { hatchOf, shadeOf } from "./looks";
import { inksOf, makePlot, SIDES } from "./plots";
import { type NightResult, type Stretch, startOf } from "./response";
import { PressMark } from "./Strip";
import { groupText, lasting, sensorText } from "./words";

interface MinutesProps {
  result: NightResult;
  events: readonly NightEvent[];
  zone: string;
  shown: Stretch;
  onShow: (stretch: Stretch) => void;
}

const BUTTONS = [
  { key: "PageUp", text: "Earlier", sign: "◀" },
  { key: "PageDown", text: "Later", sign: "▶" },
  { key: "+", text: "Closer", sign: "+" },
  { key: "-", text: "Wider", sign: "−" },
  { key: "p", text: "Previous movement", sign: "◁" },
  { key: "n", text: "Next movement", sign: "▷" },
] as const;

export function Minutes({ result, events, zone, shown, onShow }: MinutesProps) {
  const { duration_seconds: duration } = result.recording;
  const moments = useMemo(
    () => (result.movements ?? []).map((one) => (one.start_seconds + one.end_seconds) / 2),
    [result],
  );
  const gestures = useGestures({ shown, duration, moments, show: onShow }, SIDES.left, SIDES.right);
  const inside = events.filter(({ start, end }) => end >= shown.start && start <= shown.end);
  const start = startOf(result);
  const [from, to] = [shown.start, shown.end].map((at) =>
    timeText(start + 1000 * at, zone, { seconds: true }),
  );
  const when = `${from} to ${to} ${zoneText(start + 1000 * shown.end, zone)}`;
  return (
    <section class="night-minutes" aria-labelledby="night-minutes">
      <header>
        <h2 id="night-minutes">Minutes</h2>
        <p class="night-shown">
          {when} ({lasting(shown.end - shown.start)})
        </p>
        <div class="night-buttons" role="toolbar" aria-label="What the minutes show">
          {BUTTONS.map(({ key, text, sign }) => (
            <button
              key={key}
              type="button"
              title={text}
              aria-label={text}
              onClick={() => onShow(keyed(key, { shown, duration, moments }) ?? shown)}
            >
              <span aria-hidden="true">{sign}</span>
            </button>
          ))}
        </div>
      </header>
      <p class="night-hint" id="night-keys">
        Choose a moment or drag over a row above. Here: drag to move, two fingers or Ctrl and the
        wheel to scale; keys: arrows move, + and − scale, N and P go to the next and previous
        movement, 0 shows all.
      </p>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms */}
      <div
        class="night-zoom"
        role="group"
        aria-label="Strength of the sensors"
        aria-describedby="night-keys night-summary"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keys move what it shows
        tabIndex={0}
        {...gestures}
      >
        <Lane result={result} events={inside} shown={shown} />
        <Curves result={result} zone={zone} shown={shown} />
      </div>
      <p class="night-hidden" id="night-summary" aria-live="polite">
        {minutesSentence(result, inside, shown, when)}
      </p>
      <EventsTable events={inside} caption={`Events from ${from} to ${to}`} {...{ result, zone }} />
    </section>
  );
}

const LABEL_PIXELS = 28;

/** The movements whose probability can be written above them, none over another. */
function withRoom(movements: readonly NightEvent[], length: number): Set<NightEvent> {
  const width = Math.min(innerWidth, 1270) - SIDES.left - SIDES.right;
  const named = new Set<NightEvent>();
  let last = Number.NEGATIVE_INFINITY;
  for (const one of movements) {
    const middle = (one.start + one.end) / 2;
    if (((middle - last) / length) * width < LABEL_PIXELS) continue;
    named.add(one);
    last = middle;
  }
  return named;
}

/** The events above the curves, movements with their probability; and hatches behind all. */
function Lane({
  result,
  events,
  shown,
}: {
  result: NightResult;
  events: readonly NightEvent[];
  shown: Stretch;
}) {
  const length = shown.end - shown.start;
  const place = (at: number) => `${(100 * (at - shown.start)) / length}%`;
  const width = (one: Stretch) => `${(100 * (one.end - one.start)) / length}%`;
  const movements = events.filter(({ kind }) => kind === "movement");
  const named = withRoom(movements, length);
  return (
    <>
      <svg class="night-under" aria-hidden="true" focusable="false">
        {result.recording.unjudged
          .filter((row) => row.end_seconds > shown.start && row.start_seconds < shown.end)
          .map((row) => (
            <rect
              key={row.start_seconds}
              x={place(row.start_seconds)}
              width={width({ start: row.start_seconds, end: row.end_seconds })}
              height="100%"
              fill={`url(#night-hatch-${hatchOf(row.reason)})`}
            />
          ))}
      </svg>
      <svg class="night-lane" aria-hidden="true" focusable="false">
        {events.map((event) => {
          if (event.kind === "hiccups")
            return (
              <rect
                key={event.start}
                x={place(event.start)}
                width={width(event)}
                y="46"
                height="6"
                class="night-bout"
              />
            );
          if (event.kind === "pulses")
            return (
              <line
                key={event.start}
                x1={place(event.start)}
                x2={place(event.end)}
                y1="49"
                y2="49"
                class="night-pulses"
              />
            );
          if (event.kind !== "press") return null;
          const found = result.presses.find((press) => press.start_seconds === event.start);
          return (
            <svg key={event.start} x={place(event.start)} y="7" class="night-at" aria-hidden="true">
              <PressMark judged={found?.judged ?? false} matched={found?.matched ?? null} />
            </svg>
          );
        })}
        {movements.map((one) => (
          <g key={one.start} class={`night-${shadeOf(one.probability ?? 0)}`}>
            <rect
              x={place(one.start)}
              width={width(one)}
              y="28"
              height="15"
              class="night-movement night-found"
            />
            {named.has(one) && (
              <text x={place((one.start + one.end) / 2)} y="25" text-anchor="middle">
                {one.probability?.toFixed(2)}
              </text>
            )}
          </g>
        ))}
      </svg>
    </>
  );
}

function Curves({ result, zone, shown }: { result: NightResult; zone: string; shown: Stretch }) {
  const groups = useMemo(() => groupLevels(result.overview), [result]);
  if (!result.overview) {
    const why =
      result.overview === null
        ? "No sensor could be used at any time"
        : "This result has no overview";
    return <p class="night-word">{why}: the strength of the sensors cannot be shown.</p>;
  }
  const unit = result.overview.level_unit;
  return (
    <>
      {groups.map((group, number) => (
        <figure key={group.group.group}>
          <figcaption>
            {groupText(group.group.group)}
            <small>
              {group.group.levels === null
                ? " could not be used at any time"
                : ` ${group.group.sensors.map(sensorText).join(", ")} · ${unit} over its level; dashed: ${seenText(group)}`}
            </small>
          </figcaption>
          {group.group.levels !== null && (
            <Curve {...{ group, result, zone, shown }} withTimes={number === lastUsable(groups)} />
          )}
        </figure>
      ))}
    </>
  );
}

const seenText = ({ group }: GroupLevels) =>
  group.group === "imu" ? "from here on the mother moves" : "from here on a sensor sees something";

const lastUsable = (groups: readonly GroupLevels[]) =>
  groups.reduce((last, { group }, number) => (group.levels === null ? last : number), -1);

interface CurveProps {
  group: GroupLevels;
  result: NightResult;
  zone: string;
  shown: Stretch;
  withTimes: boolean;
}

function Curve({ group, result, zone, shown, withTimes }: CurveProps) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useDark();
  // What is shown moves below; a change to dark takes other inks.
  useEffect(() => {
    if (!element.current) return;
    const step = result.overview?.seconds_per_sample ?? 1;
    const made = makePlot({
      element: element.current,
      group,
      seconds: Float64Array.from(group.levels, (_level, number) => number * step),
      startMs: startOf(result),
      inks: inksOf(element.current),
      ...{ zone, withTimes, shown },
    });
    plot.current = made;
    const watch = new ResizeObserver(([entry]) => {
      if (entry)
        made.setSize({ width: Math.max(entry.contentRect.width, 80), height: made.height });
    });
    watch.observe(element.current);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [group, result, zone, withTimes, dark]);
  useLayoutEffect(() => {
    plot.current?.setScale("x", { min: shown.start, max: shown.end });
  }, [shown]);
  return <div class="night-curve" ref={element} aria-hidden="true" />;
}

function useDark(): boolean {
  const query = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const change = () => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, [query]);
  return dark;
}
