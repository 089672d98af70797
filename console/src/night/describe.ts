/** Charts in a sentence, for whoever does not see them. */
import type { NightEvent } from "./events";
import type { HourFigures } from "./hours";
import type { NightResult, Stretch } from "./response";
import { counted, judgedStretches, secondsWithin } from "./stretches";
import { lasting, list, many, reasonText } from "./words";

export function hourSentence(hour: HourFigures, when: string): string {
  const found = [...countsText(hour.movements, hour.bouts), many(hour.presses, "press", "presses")];
  const unjudged = [...hour.unjudgedSeconds].map(
    ([reason, seconds]) => `${reasonText(reason)} ${lasting(seconds)}`,
  );
  const missing = unjudged.length ? ` Not judged: ${list(unjudged)}.` : "";
  return `${when}: ${lasting(hour.judgedSeconds)} judged; ${list(found)}.${missing}`;
}

/** What the minutes show: the events that lie in the stretch, of all of the night's. */
export function minutesSentence(
  result: NightResult,
  inside: readonly NightEvent[],
  shown: Stretch,
  when: string,
): string {
  const count = (kind: NightEvent["kind"]) => inside.filter((event) => event.kind === kind).length;
  const judgedSeconds = secondsWithin(judgedStretches(result), shown.start, shown.end);
  const movements = result.movements && counted(count("movement"), judgedSeconds);
  const bouts = result.hiccup_bouts && counted(count("hiccups"), judgedSeconds);
  const found = [
    ...countsText(movements, bouts),
    many(count("press"), "press", "presses"),
    many(count("unjudged"), "stretch that was not judged", "stretches that were not judged"),
  ];
  return `${when}: ${list(found)}.`;
}

const countsText = (movements: number | null, bouts: number | null) => [
  movements === null ? "movements not counted" : many(movements, "movement"),
  bouts === null ? "hiccup bouts not counted" : many(bouts, "hiccup bout"),
];
