/** One recording on one page: what could be judged first, then hour by hour, then the minutes. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { nightText, timeText, zoneText } from "./clock";
import { EventsTable } from "./EventsTable";
import { listEvents } from "./events";
import { identityOf, type Known, methodOf } from "./facts";
import { figuresOf } from "./figures";
import { Hatches } from "./Hatches";
import { Hours, ONE_ROW_SECONDS } from "./Hours";
import { Judged } from "./Judged";
import { strengths as strengthsOf } from "./levels";
import { Minutes } from "./Minutes";
import "./night.css";
import { Facts, Figures, Legend, Notices, Sensors } from "./Panels";
import { endOf, type NightResponse, type Stretch, startOf } from "./response";
import { firstShown, fitted } from "./span";
import { judgedStretches } from "./stretches";
import { useZone } from "./useZone";
import { lasting } from "./words";
import { ZoneChoice } from "./ZoneChoice";

export interface NightProps extends Known {
  /** As a completed job and `femo analyze` have it. */
  response: NightResponse;
  /** An IANA time zone; else `?zone=` of the address, else the browser's. */
  zone?: string;
}

export function Night({ response, zone: asked, recording, subject }: NightProps) {
  const { result } = response;
  const { duration_seconds: duration } = result.recording;
  const [zone, setZone] = useZone(asked);
  const strengths = useMemo(() => strengthsOf(result), [result]);
  const events = useMemo(() => listEvents(result, strengths), [result, strengths]);
  const [shown, setShown] = useState<Stretch>(() => firstShown(judgedStretches(result), duration));
  const painted = usePainted();
  const show = (stretch: Stretch) => setShown(fitted(stretch, duration));
  const [start, end] = [startOf(result), endOf(result)];
  const known = { recording, subject };
  return (
    <article class="night">
      <Hatches />
      <header class="night-head">
        <div>
          <h1>{nightText(start, end, zone)}</h1>
          <p>
            {timeText(start, zone)} {zoneText(start, zone)} to {timeText(end, zone)}{" "}
            {zoneText(end, zone)}, {lasting(duration)}
          </p>
          <ZoneChoice zone={zone} onZone={setZone} />
        </div>
        <Facts title="Recording" place="night-identity" facts={identityOf(response, known)} />
      </header>
      <Judged result={result} />
      <div class="night-body">
        <section class="night-chart" aria-labelledby="night-hours">
          <h2 id="night-hours">{duration < ONE_ROW_SECONDS ? "Over time" : "Hour by hour"}</h2>
          <Hours {...{ result, strengths, zone }} selected={shown} onSelect={show} />
          <Legend results={[result]} />
        </section>
        <Figures figures={figuresOf(result, zone)} />
        <Sensors {...{ result, zone }} />
        {painted && <Minutes {...{ result, events, zone, shown }} onShow={show} />}
        <Notices result={result} />
        <Facts title="Method" place="night-method" facts={methodOf(response)} />
      </div>
      <AllEvents {...{ events, result, zone }} />
    </article>
  );
}

/** Whether the page has been painted once: the night is there before its minutes are drawn. */
function usePainted(): boolean {
  const [painted, setPainted] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setTimeout(() => setPainted(true)));
    return () => cancelAnimationFrame(frame);
  }, []);
  return painted;
}

type AllEventsProps = Omit<Parameters<typeof EventsTable>[0], "caption">;

/** Made when it is asked for: a night has hundreds of rows. */
function AllEvents({ events, result, zone }: AllEventsProps) {
  const [open, setOpen] = useState(false);
  return (
    <details class="night-all" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>All {events.length} events as a table</summary>
      {open && <EventsTable {...{ events, result, zone }} caption="All events" />}
    </details>
  );
}
