/** The curves of the minutes: one small uPlot for each group of sensors, over the same time. */
import uPlot from "uplot";
import type { GroupLevels } from "./levels";
import type { Stretch } from "./response";
import { type Tick, ticksBetween } from "./ticks";

/** Room at the sides of every plot, so that what is drawn above it lies at the same place. */
export const SIDES = { left: 40, right: 10 };
const HEIGHT = 74;
const AXIS_HEIGHT = 24;

export interface Inks {
  line: string;
  level: string;
  text: string;
  grid: string;
  unusable: string;
}

interface PlotOptions {
  element: HTMLElement;
  group: GroupLevels;
  seconds: Float64Array;
  startMs: number;
  zone: string;
  inks: Inks;
  withTimes: boolean;
  shown: Stretch;
}

export function inksOf(element: Element): Inks {
  const style = getComputedStyle(element);
  const ink = (name: string) => style.getPropertyValue(`--night-${name}`).trim();
  return {
    line: ink("signal"),
    level: ink("press"),
    text: ink("muted"),
    grid: ink("grid"),
    unusable: ink("hatch"),
  };
}

export function makePlot(options: PlotOptions): uPlot {
  const { element, group, seconds, inks, withTimes, shown } = options;
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: inks.text,
    font,
    ticks: { show: false },
    grid: { stroke: inks.grid, width: 1 },
  };
  const top = topOf(group);
  return new uPlot(
    {
      width: Math.max(element.clientWidth, 80),
      height: HEIGHT + (withTimes ? AXIS_HEIGHT : 0),
      padding: [4, SIDES.right, withTimes ? 0 : 4, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
      scales: {
        x: { time: false, min: shown.start, max: shown.end },
        y: { range: [Math.min(0, group.group.seen_level), top] },
      },
      axes: [
        { ...axis, size: withTimes ? AXIS_HEIGHT : 0, gap: 4, ...timesOf(options) },
        { ...axis, size: SIDES.left, gap: 4, space: 22 },
      ],
      series: [{}, { stroke: inks.line, width: 1.2, spanGaps: false, points: { show: false } }],
      hooks: {
        drawClear: [(plot) => drawUnusable(plot, group, seconds, inks)],
        draw: [(plot) => drawLevel(plot, group.group.seen_level, inks)],
      },
    },
    [seconds as unknown as number[], group.levels as (number | null)[]],
    element,
  );
}

function topOf({ group, levels }: GroupLevels): number {
  let top = 1.5 * Math.max(group.seen_level, 4);
  for (const level of levels) if (level !== null && level > top) top = level;
  return 1.04 * top;
}

function timesOf({ startMs, zone, withTimes }: PlotOptions): Partial<uPlot.Axis> {
  let ticks: Tick[] = [];
  return {
    splits: (plot, _axis, min, max) => {
      const most = Math.max(2, Math.floor(plot.width / 90));
      ticks = ticksBetween(startMs + 1000 * min, startMs + 1000 * max, zone, most);
      return ticks.map(({ ms }) => (ms - startMs) / 1000);
    },
    values: (_plot, splits) =>
      splits.map((_split, number) => (withTimes ? (ticks[number]?.text ?? "") : "")),
  };
}

/** Crosses out the time in which a group told nothing: no line, and not an empty one either. */
function drawUnusable(plot: uPlot, { levels }: GroupLevels, seconds: Float64Array, inks: Inks) {
  const { ctx, bbox } = plot;
  const step = (seconds[1] ?? 1) - (seconds[0] ?? 0);
  const { min = 0, max = 0 } = plot.scales.x ?? {};
  const first = Math.max(0, Math.floor((min ?? 0) / step));
  const past = Math.min(levels.length, Math.ceil((max ?? 0) / step) + 1);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = inks.unusable;
  ctx.lineWidth = devicePixelRatio;
  for (let at = first; at < past; at++) {
    if (levels[at] !== null) continue;
    const from = at;
    while (at < past && levels[at] === null) at++;
    drawDots(plot, plot.valToPos(from * step, "x", true), plot.valToPos(at * step, "x", true));
  }
  ctx.restore();
}

function drawDots({ ctx, bbox }: uPlot, left: number, right: number) {
  const apart = 6 * devicePixelRatio;
  ctx.setLineDash([1.5 * devicePixelRatio, apart - 1.5 * devicePixelRatio]);
  ctx.beginPath();
  for (let y = bbox.top + apart / 2; y < bbox.top + bbox.height; y += apart) {
    ctx.moveTo(left, y);
    ctx.lineTo(right, y);
  }
  ctx.stroke();
  ctx.setLineDash([]);
}

function drawLevel(plot: uPlot, level: number, inks: Inks) {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(level, "y", true);
  ctx.save();
  ctx.strokeStyle = inks.level;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
