/** What was measured of a model, in words: interval and chance beside it, and no zero for nothing. */
import type { Gain, Metric, Model } from "../api";

export interface FigureText {
  name: string;
  value: string;
  known: boolean;
  /** Its interval, and what chance alone reaches. */
  notes: string[];
}

const NOT_MEASURED = "not measured";
const MINUS = "\u2212";

/** What the table shows, in this order. */
export const FIRST_METRICS = ["f1", "sensitivity", "precision", "false_detections_per_hour"];

const NAMES: Readonly<Record<string, string>> = {
  f1: "F1",
  sensitivity: "Sensitivity",
  precision: "Precision",
  false_detections_per_hour: "False detections per hour",
  detections_per_hour: "Detections per hour",
  specificity: "Specificity",
  accuracy: "Accuracy",
  pabak: "Agreement (PABAK)",
  count_bias: "Bias of the count, as a share",
  average_precision: "Average precision",
  brier: "Brier score",
  expected_count: "Expected count",
  count_interval_coverage: "Counts within their interval, as a share",
  analysed_hours: "Analysed, h",
  true_positive: "Found",
  false_negative: "Missed",
  false_positive: "Found wrongly",
  true_negative: "Left out rightly",
};
const CHANCE = "chance_";
const UPPER = "_upper";

/** A metric that only a newer model has is told by its own name. */
export const metricName = (metric: string) => NAMES[metric] ?? metric.replaceAll("_", " ");

/** As many digits as tell something: counts whole, hours and rates to a tenth. */
export function numberText(metric: string, value: number): string {
  const digits = Number.isInteger(value) && isCount(metric) ? 0 : isRate(metric) ? 1 : 3;
  const text = Math.abs(value).toFixed(digits);
  return Number(text) !== 0 && value < 0 ? `${MINUS}${text}` : text;
}

const isRate = (metric: string) => /_hours?$|_count$/.test(metric);
const isCount = (metric: string) => /^(true|false)_(positive|negative)$|_count$/.test(metric);

export function figureOf(metrics: Model["metrics"], metric: string): FigureText {
  const found = metrics[metric];
  const name = metricName(metric);
  if (!found) return { name, value: NOT_MEASURED, known: false, notes: [] };
  return {
    name,
    value: numberText(metric, found.value),
    known: true,
    notes: [intervalText(metric, found), ...chanceNotes(metrics, metric)],
  };
}

function intervalText(metric: string, { low, high }: Metric): string {
  if (low === null || high === null) return "no interval";
  return `95 %: ${numberText(metric, low)} to ${numberText(metric, high)}`;
}

function chanceNotes(metrics: Model["metrics"], metric: string): string[] {
  const mean = metrics[`${CHANCE}${metric}`];
  if (!mean) return [];
  const upper = metrics[`${CHANCE}${metric}${UPPER}`];
  const most = upper ? ` (95 % below ${numberText(metric, upper.value)})` : "";
  return [`by chance ${numberText(metric, mean.value)}${most}`];
}

/** Each figure of a model once: the first ones first, then by name; chance beside what it is of. */
export function allFigures(metrics: Model["metrics"]): FigureText[] {
  const isBeside = (metric: string) => {
    const base = metric.replace(CHANCE, "").replace(new RegExp(`${UPPER}$`), "");
    return metric.startsWith(CHANCE) && base in metrics && `${CHANCE}${base}` in metrics;
  };
  const known = Object.keys(NAMES);
  const place = (metric: string) => (known.includes(metric) ? known.indexOf(metric) : known.length);
  return Object.keys(metrics)
    .filter((metric) => !isBeside(metric))
    .sort((one, other) => place(one) - place(other) || one.localeCompare(other))
    .map((metric) => figureOf(metrics, metric));
}

const signed = (value: number) => (value > 0 ? `+${value.toFixed(3)}` : numberText("f1", value));

/** What a model gained over the one that served while it was trained. */
export function gainOf(gain: Gain | null): FigureText {
  const name = "Gain in F1";
  if (!gain) return { name, value: "nothing to compare with", known: false, notes: [] };
  const over = gain.comparedWith === null ? [] : [`over ${gain.comparedWith}`];
  if (gain.f1 === null) return { name, value: NOT_MEASURED, known: false, notes: over };
  const interval =
    gain.low === null || gain.high === null
      ? "no interval"
      : `95 %: ${signed(gain.low)} to ${signed(gain.high)}`;
  return { name, value: signed(gain.f1), known: true, notes: [interval, ...over] };
}
