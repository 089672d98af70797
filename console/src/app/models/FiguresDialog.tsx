/** Each figure of a version, as it was measured before it was registered. */
import type { Model } from "../api";
import { Dialog } from "../Dialog";
import { allFigures, gainOf } from "./figures";
import { Figure } from "./ModelsTable";

export function FiguresDialog({ model, onClosed }: { model: Model; onClosed: () => void }) {
  const figures = [...allFigures(model.metrics), gainOf(model.gain)];
  return (
    <Dialog title={`Figures of version ${model.version}`} onClosed={onClosed}>
      {(close) => (
        <>
          <p>Measured on recordings of subjects that it had not been trained on.</p>
          <dl class="facts">
            {figures.map((figure) => (
              <div key={figure.name}>
                <dt>{figure.name}</dt>
                <dd>
                  <Figure figure={figure} />
                </dd>
              </div>
            ))}
          </dl>
          <div class="dialog-do">
            <button type="button" class="button" onClick={close}>
              Close
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
