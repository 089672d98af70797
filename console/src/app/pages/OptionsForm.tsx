/** How the recordings that come next are to be analysed. */
import type { Options } from "../upload/queue";

interface OptionsFormProps {
  options: Options;
  isSubjectFit: boolean;
  onOptions: (options: Options) => void;
}

export function OptionsForm({ options, isSubjectFit, onOptions }: OptionsFormProps) {
  const set = (changes: Partial<Options>) => onOptions({ ...options, ...changes });
  return (
    <form class="options" onSubmit={(event) => event.preventDefault()}>
      <fieldset>
        <legend>How to analyse them</legend>
        <div class="field">
          <label for="subject">Subject (pseudonym)</label>
          <input
            id="subject"
            type="text"
            autocomplete="off"
            spellcheck={false}
            maxLength={64}
            value={options.subjectId}
            aria-invalid={!isSubjectFit}
            aria-describedby="subject-help"
            onInput={(event) => set({ subjectId: event.currentTarget.value })}
          />
          <p id="subject-help" class={isSubjectFit ? "help" : "help help-wrong"}>
            {isSubjectFit
              ? "Never a name, a date of birth or a number that others know. May be left empty."
              : "1 to 64 of A–Z a–z 0–9 . _ -, first a letter or digit."}
          </p>
        </div>
        <Check
          label="Leave bouts of hiccups out of the movements"
          isOn={options.removeHiccups}
          onChange={(removeHiccups) => set({ removeHiccups })}
        />
        <Check
          label="List every event, not only the summary"
          isOn={options.extractEvents}
          onChange={(extractEvents) => set({ extractEvents })}
        />
        <Check
          label="List every interval between movements"
          isOn={options.includeFullIntervals}
          onChange={(includeFullIntervals) => set({ includeFullIntervals })}
        />
      </fieldset>
    </form>
  );
}

interface CheckProps {
  label: string;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
}

function Check({ label, isOn, onChange }: CheckProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isOn}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}
