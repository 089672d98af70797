/** One row an hour of local time, with the hour's figures beside it. */
import { useMemo } from "preact/hooks";
import { type Brush, useBrush } from "./brush";
import { changeText, clockChanges, dateText, hourRows, timeText, zoneText } from "./clock";
import { hourSentence } from "./describe";
import { type HourFigures, hourFigures } from "./hours";
import { Marks } from "./Marks";
import { endOf, type NightResult, type Stretch, startOf } from "./response";
import { Strip } from "./Strip";
import { ticksBetween } from "./ticks";
import { minutes } from "./words";

/** Recordings shorter than this get one row, scaled to their length. */
export const ONE_ROW_SECONDS = 3600;

interface HoursProps {
  result: NightResult;
  strengths: readonly (number | null)[];
  zone: string;
  selected: Stretch;
  onSelect: (stretch: Stretch) => void;
}

export function Hours({ result, strengths, zone, selected, onSelect }: HoursProps) {
  const start = startOf(result);
  const end = endOf(result);
  const short = result.recording.duration_seconds < ONE_ROW_SECONDS;
  const hours = useMemo(() => {
    const rows = short ? [{ startMs: start, endMs: end }] : hourRows(start, end, zone);
    return hourFigures(result, rows);
  }, [result, zone, short, start, end]);
  const changes = useMemo(() => clockChanges(start, end, zone), [start, end, zone]);
  const brush = useBrush(onSelect);
  const most = Math.max(...hours.map(({ rate }) => rate ?? 0), 1);
  const days = byDay(hours, zone);
  return (
    <table class="night-hours">
      <caption class="night-hidden">Movements hour by hour, in local time ({zone})</caption>
      <thead>
        <tr>
          <th scope="col" class="night-when">
            {short ? "Start" : "Hour"}
          </th>
          <th scope="col" class="night-scale">
            <span class="night-hidden">Movements, hiccups and presses over time</span>
            <Scale short={short} hour={hours[0]} zone={zone} />
          </th>
          <th scope="col" class="night-number">
            Move&shy;ments
          </th>
          <th scope="col" class="night-number">
            Judged, min
          </th>
          <th scope="col" class="night-rate">
            Per judged hour
          </th>
        </tr>
      </thead>
      {days.map((day) => (
        <tbody key={day[0]?.startMs}>
          <tr class="night-day">
            <th scope="rowgroup" colSpan={5}>
              {dateText(Math.max(day[0]?.startMs ?? start, start), zone)}
            </th>
          </tr>
          {day.map((hour) => {
            const change = changes.find(({ atMs }) => atMs >= hour.startMs && atMs < hour.endMs);
            return (
              <>
                {change && (
                  <tr class="night-change">
                    <td colSpan={5}>{changeText(change, zone)}</td>
                  </tr>
                )}
                <Hour
                  key={hour.startMs}
                  {...{ hour, result, strengths, selected, onSelect, brush, most }}
                  when={whenText(hour, zone, changes.length > 0)}
                />
              </>
            );
          })}
        </tbody>
      ))}
    </table>
  );
}

interface HourProps {
  hour: HourFigures;
  result: NightResult;
  strengths: readonly (number | null)[];
  selected: Stretch;
  onSelect: (stretch: Stretch) => void;
  brush: Brush;
  most: number;
  when: string;
}

function Hour({ hour, result, strengths, selected, onSelect, brush, most, when }: HourProps) {
  const { from, to } = hour;
  return (
    <tr>
      <th scope="row" class="night-when">
        <button
          type="button"
          aria-label={`${when}: show its minutes`}
          onClick={() => onSelect({ start: from, end: to })}
        >
          {when}
        </button>
      </th>
      <td class="night-row" {...brush.on(from, to)}>
        <Strip {...{ result, strengths, from, to }} label={hourSentence(hour, when)} />
        <Chosen stretch={brush.drawing ?? selected} from={from} to={to} />
      </td>
      <td class="night-number">
        {hour.movements === null ? (
          <span class="night-word">not counted</span>
        ) : (
          <>
            <b>{hour.movements}</b>
            <span class="night-narrow"> movements</span>
          </>
        )}
      </td>
      <td class="night-number">
        {minutes(hour.judgedSeconds)}
        <span class="night-of"> of {minutes(hour.recordedSeconds)}</span>
        <span class="night-narrow"> min judged</span>
      </td>
      <td class="night-rate">
        <Rate hour={hour} most={most} />
      </td>
    </tr>
  );
}

function Rate({ hour, most }: { hour: HourFigures; most: number }) {
  if (hour.rate === null) {
    const why =
      hour.movements === null || !hour.judgedSeconds ? "none judged" : "too little judged";
    return <span class="night-word">{why}</span>;
  }
  return (
    <>
      <span class="night-rate-number">{hour.rate.toFixed(1)}</span>
      <svg class="night-bar" aria-hidden="true" focusable="false">
        <rect width={`${(100 * hour.rate) / most}%`} height="100%" />
      </svg>
      <span class="night-narrow"> per h</span>
    </>
  );
}

function Chosen({ stretch, from, to }: { stretch: Stretch; from: number; to: number }) {
  const [start, end] = [Math.max(stretch.start, from), Math.min(stretch.end, to)];
  if (end <= start) return null;
  const style = {
    left: `${(100 * (start - from)) / (to - from)}%`,
    width: `${(100 * (end - start)) / (to - from)}%`,
  };
  return <span class="night-chosen" style={style} />;
}

function Scale({
  short,
  hour,
  zone,
}: {
  short: boolean;
  hour: HourFigures | undefined;
  zone: string;
}) {
  if (!hour) return null;
  const marks = short
    ? ticksBetween(hour.startMs, hour.endMs, zone, 6).map(({ ms, text }) => ({
        share: (ms - hour.startMs) / (hour.endMs - hour.startMs),
        text,
      }))
    : [0, 10, 20, 30, 40, 50].map((minute) => ({
        share: minute / 60,
        text: `:${String(minute).padStart(2, "0")}`,
      }));
  return <Marks marks={marks} />;
}

function whenText(hour: HourFigures, zone: string, named: boolean): string {
  const time = timeText(hour.startMs, zone);
  return named ? `${time} ${zoneText(hour.startMs, zone)}` : time;
}

function byDay(hours: readonly HourFigures[], zone: string): HourFigures[][] {
  const days: HourFigures[][] = [];
  let last = "";
  for (const hour of hours) {
    const day = dateText(hour.startMs, zone);
    if (day !== last) days.push([]);
    days[days.length - 1]?.push(hour);
    last = day;
  }
  return days;
}
