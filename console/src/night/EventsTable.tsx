/** The events as a table: the text of what the charts show. */
import { timeText, zoneText } from "./clock";
import type { NightEvent } from "./events";
import { type NightResult, startOf } from "./response";
import { lasting } from "./words";

interface EventsTableProps {
  events: readonly NightEvent[];
  result: NightResult;
  zone: string;
  caption: string;
}

export function EventsTable({ events, result, zone, caption }: EventsTableProps) {
  const unit = result.overview?.level_unit;
  const at = (seconds: number) => {
    const ms = startOf(result) + 1000 * seconds;
    return `${timeText(ms, zone, { seconds: true })} ${zoneText(ms, zone)}`;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: by the keyboard it scrolls only with the focus
    // biome-ignore lint/a11y/useSemanticElements: a section that scrolls
    <div class="night-scroll" role="region" aria-label={caption} tabIndex={0}>
      <table class="night-events">
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Local time</th>
            <th scope="col">What</th>
            <th scope="col" class="night-number">
              Lasted
            </th>
            <th scope="col" class="night-number">
              Probability
            </th>
            <th scope="col" class="night-number">
              Strength{unit ? `, ${unit}` : ""}
            </th>
            <th scope="col">Details</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={`${event.kind} ${event.start}`}>
              <td class="night-time">{at(event.start)}</td>
              <td>{event.what}</td>
              <td class="night-number">{lasting(event.end - event.start)}</td>
              <td class="night-number">{event.probability?.toFixed(2)}</td>
              <td class="night-number">{strengthWords(event)}</td>
              <td>{event.details}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function strengthWords(event: NightEvent): string {
  if (event.kind !== "movement") return "";
  return event.strength === null ? "unknown" : event.strength.toFixed(1);
}
