/** Charts in a sentence, for whoever does not see them. */
import type { HourFigures } from "./hours";
import { lasting, list, many, reasonText } from "./words";

export function hourSentence(hour: HourFigures, when: string): string {
  const found = [
    hour.movements === null ? "movements not counted" : many(hour.movements, "movement"),
    hour.bouts === null ? "hiccups not looked for" : many(hour.bouts, "hiccup bout"),
    many(hour.presses, "press", "presses"),
  ];
  const unjudged = [...hour.unjudgedSeconds].map(
    ([reason, seconds]) => `${reasonText(reason)} ${lasting(seconds)}`,
  );
  const missing = unjudged.length ? ` Not judged: ${list(unjudged)}.` : "";
  return `${when}: ${lasting(hour.judgedSeconds)} judged; ${list(found)}.${missing}`;
}
