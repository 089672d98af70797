/** A completed job's night on paper, and its result as a file. */
import { useState } from "preact/hooks";
import { useConsole } from "../context";
import { FORMS, type Form, keep } from "../files";
import { ProblemNote } from "../ProblemNote";
import { type Problem, problemOf } from "../problem";

export function Downloads({ jobId }: { jobId: string }) {
  const { api } = useConsole();
  const [fetching, setFetching] = useState<Form | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [told, setTold] = useState("");
  const fetchFile = async (form: Form) => {
    setFetching(form);
    setProblem(null);
    try {
      const file = await api.resultFile(jobId, form);
      keep(file);
      setTold(`${file.name} was downloaded.`);
    } catch (error) {
      setProblem(problemOf(error));
    }
    setFetching(null);
  };
  return (
    <section class="downloads" aria-label="Take it along">
      <button type="button" class="button button-small" onClick={() => print()}>
        Print or PDF
      </button>
      {FORMS.map((form) => (
        <button
          key={form.accept}
          type="button"
          class="button button-small"
          aria-label={`Download ${form.text}: ${form.about}`}
          title={form.about}
          disabled={fetching !== null}
          onClick={() => fetchFile(form)}
        >
          {form.text}
        </button>
      ))}
      <span class="hidden" role="status">
        {told}
      </span>
      {problem && <ProblemNote problem={problem} />}
    </section>
  );
}
