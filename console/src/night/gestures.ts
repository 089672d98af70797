/** Moving through the minutes by mouse, touch and keyboard. */
import { useRef } from "preact/hooks";
import type { Stretch } from "./response";
import { fitted, moved, scaled } from "./span";

const CLOSER = 0.5;
const WHEEL = 1.0015;

export interface Moves {
  shown: Stretch;
  duration: number;
  /** Starts of the movements, s. */
  moments: readonly number[];
  show: (stretch: Stretch) => void;
}

/** What a key does, or null for a key that does nothing here. */
export function keyed(
  key: string,
  { shown, duration, moments }: Omit<Moves, "show">,
): Stretch | null {
  const length = shown.end - shown.start;
  switch (key) {
    case "ArrowLeft":
      return moved(shown, -length / 4, duration);
    case "ArrowRight":
      return moved(shown, length / 4, duration);
    case "PageUp":
      return moved(shown, -length, duration);
    case "PageDown":
      return moved(shown, length, duration);
    case "Home":
      return moved(shown, -duration, duration);
    case "End":
      return moved(shown, duration, duration);
    case "+":
    case "=":
      return scaled(shown, CLOSER, duration);
    case "-":
      return scaled(shown, 1 / CLOSER, duration);
    case "0":
      return fitted({ start: 0, end: duration }, duration);
    case "n":
      return nextTo(shown, moments, duration, 1);
    case "p":
      return nextTo(shown, moments, duration, -1);
    default:
      return null;
  }
}

/** The next or previous movement in the middle; what is shown where there is none. */
function nextTo(
  shown: Stretch,
  moments: readonly number[],
  duration: number,
  way: 1 | -1,
): Stretch {
  const middle = (shown.start + shown.end) / 2;
  const beyond = moments.filter((moment) => (moment - middle) * way > 0.01);
  const next = way > 0 ? beyond[0] : beyond[beyond.length - 1];
  return next === undefined ? shown : moved(shown, next - middle, duration);
}

interface Touch {
  x: number;
}

/** Handlers of a region: a drag moves, two fingers or Ctrl and the wheel scale. */
export function useGestures(
  { shown, duration, moments, show }: Moves,
  left: number,
  right: number,
) {
  const touches = useRef(new Map<number, Touch>());
  const widthOf = (element: Element) => element.getBoundingClientRect().width - left - right;
  const shareOf = (element: Element, x: number) =>
    (x - element.getBoundingClientRect().left - left) / widthOf(element);
  const length = shown.end - shown.start;
  return {
    onKeyDown(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const next = keyed(event.key, { shown, duration, moments });
      if (!next) return;
      event.preventDefault();
      show(next);
    },
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0) return;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      touches.current.set(event.pointerId, { x: event.clientX });
    },
    onPointerMove(event: PointerEvent) {
      const before = touches.current.get(event.pointerId);
      if (!before) return;
      const element = event.currentTarget as Element;
      const other = [...touches.current].find(([id]) => id !== event.pointerId)?.[1];
      const step = event.clientX - before.x;
      touches.current.set(event.pointerId, { x: event.clientX });
      if (!other) {
        show(moved(shown, (-step / widthOf(element)) * length, duration));
        return;
      }
      const factor = Math.abs(before.x - other.x) / Math.max(Math.abs(event.clientX - other.x), 8);
      show(scaled(shown, factor, duration, shareOf(element, other.x)));
    },
    onPointerUp(event: PointerEvent) {
      touches.current.delete(event.pointerId);
    },
    onPointerCancel(event: PointerEvent) {
      touches.current.delete(event.pointerId);
    },
    onWheel(event: WheelEvent) {
      if (!event.ctrlKey) return; // the page scrolls, as anywhere
      event.preventDefault();
      const at = shareOf(event.currentTarget as Element, event.clientX);
      show(scaled(shown, WHEEL ** event.deltaY, duration, at));
    },
  };
}
