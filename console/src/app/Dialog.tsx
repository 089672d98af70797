/** A question that is answered before anything else: the keyboard stays in it, Escape leaves it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface DialogProps {
  title: string;
  /** It was left, in whichever way. */
  onClosed: () => void;
  /** Gets what closes it: the focus then goes back to where it came from. */
  children: (close: () => void) => ComponentChildren;
}

export function Dialog({ title, onClosed, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
    heading.current?.focus(); // what it says is read before what it asks
  }, []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={id} onClose={onClosed}>
      <h2 id={id} ref={heading} tabIndex={-1}>
        {title}
      </h2>
      {children(() => dialog.current?.close())}
    </dialog>
  );
}
