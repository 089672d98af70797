/**
 * Which jobs are shown; the address keeps it, so that a link shows the same. Nothing is applied
 * before it is asked for: whoever goes through the choices by key stays at them.
 */
import { useState } from "preact/hooks";
import { addressOf, type Filters, NO_FILTERS, STATUSES } from "../filters";

interface FilterFormProps {
  filters: Filters;
  onApply: (filters: Filters) => void;
}

export function FilterForm({ filters, onApply }: FilterFormProps) {
  const [chosen, setChosen] = useState(filters);
  const set = (changes: Partial<Filters>) => setChosen({ ...chosen, ...changes });
  const isFiltered = addressOf(filters).size > 0;
  const apply = (event: Event) => {
    event.preventDefault();
    onApply(chosen);
  };
  return (
    <form class="filters" onSubmit={apply} aria-label="Filter the jobs">
      <label>
        Status
        <select
          value={chosen.status}
          onChange={(event) => set({ status: event.currentTarget.value as Filters["status"] })}
        >
          <option value="">All</option>
          {STATUSES.map((status) => (
            <option key={status} value={status} selected={status === chosen.status}>
              {status}
            </option>
          ))}
        </select>
      </label>
      <label>
        From
        <input
          type="date"
          value={chosen.from}
          max={chosen.to || undefined}
          onInput={(event) => set({ from: event.currentTarget.value })}
        />
      </label>
      <label>
        To
        <input
          type="date"
          value={chosen.to}
          min={chosen.from || undefined}
          onInput={(event) => set({ to: event.currentTarget.value })}
        />
      </label>
      <Text label="Subject" value={chosen.subject} onText={(subject) => set({ subject })} />
      <Text label="Recording" value={chosen.recording} onText={(recording) => set({ recording })} />
      <div class="filters-do">
        <button type="submit" class="button">
          Filter
        </button>
        {isFiltered && (
          <button type="button" class="button button-quiet" onClick={() => onApply(NO_FILTERS)}>
            Show all
          </button>
        )}
      </div>
    </form>
  );
}

interface TextProps {
  label: string;
  value: string;
  onText: (text: string) => void;
}

function Text({ label, value, onText }: TextProps) {
  return (
    <label>
      {label}
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        value={value}
        onInput={(event) => onText(event.currentTarget.value)}
      />
    </label>
  );
}
