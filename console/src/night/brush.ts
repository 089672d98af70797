/** Choosing minutes on a row: a click shows those around it, a drag those that it covers. */
import { useRef, useState } from "preact/hooks";
import type { Stretch } from "./response";
import { USUAL_SECONDS } from "./span";

const DRAG_PIXELS = 6;

export interface Brush {
  drawing: Stretch | null;
  on: (from: number, to: number) => Handlers;
}

interface Handlers {
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: (event: PointerEvent) => void;
  onPointerCancel: () => void;
}

export function useBrush(onSelect: (stretch: Stretch) => void): Brush {
  const [drawing, setDrawing] = useState<Stretch | null>(null);
  const began = useRef<{ x: number; moment: number } | null>(null);
  const momentOf = (event: PointerEvent, from: number, to: number) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return from + share * (to - from);
  };
  const covered = (event: PointerEvent, from: number, to: number): Stretch | null => {
    if (!began.current || Math.abs(event.clientX - began.current.x) < DRAG_PIXELS) return null;
    const ends = [began.current.moment, momentOf(event, from, to)] as const;
    return { start: Math.min(...ends), end: Math.max(...ends) };
  };
  const stop = () => {
    began.current = null;
    setDrawing(null);
  };
  const on = (from: number, to: number): Handlers => ({
    onPointerDown(event) {
      if (event.button !== 0) return;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      began.current = { x: event.clientX, moment: momentOf(event, from, to) };
    },
    onPointerMove(event) {
      const stretch = covered(event, from, to);
      if (stretch) setDrawing(stretch);
    },
    onPointerUp(event) {
      if (!began.current) return;
      const { moment } = began.current;
      const half = USUAL_SECONDS / 2;
      onSelect(covered(event, from, to) ?? { start: moment - half, end: moment + half });
      stop();
    },
    onPointerCancel: stop,
  });
  return { drawing, on };
}
