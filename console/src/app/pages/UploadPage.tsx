/** Recordings are dropped here, sent, and submitted with the chosen options. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useConsole } from "../context";
import { ServiceNote } from "../ServiceNote";
import { Shell } from "../Shell";
import { DEFAULT_OPTIONS, type Options, SUBJECT_ID } from "../upload/queue";
import { size } from "../words";
import { OptionsForm } from "./OptionsForm";
import { UploadList } from "./UploadList";

export function UploadPage() {
  const { queue, config } = useConsole();
  const [options, setOptions] = useState<Options>(DEFAULT_OPTIONS);
  const [told, setTold] = useState("");
  const isSubjectFit = options.subjectId === "" || SUBJECT_ID.test(options.subjectId);
  const add = (files: readonly File[]) => {
    if (files.length === 0) return;
    if (!isSubjectFit) {
      setTold("Correct the subject first.");
      document.getElementById("subject")?.focus();
      return;
    }
    setTold(files.length === 1 ? "1 file taken." : `${files.length} files taken.`);
    queue.add(files, options);
  };
  return (
    <Shell page="upload" title="Upload recordings">
      <ServiceNote />
      <div class="upload">
        <OptionsForm options={options} isSubjectFit={isSubjectFit} onOptions={setOptions} />
        <DropZone onFiles={add} most={size(config.maxRecordingMegabytes * 1024 * 1024)} />
      </div>
      <p class="hidden" role="status">
        {told}
      </p>
      <UploadList />
    </Shell>
  );
}

interface DropZoneProps {
  most: string;
  onFiles: (files: readonly File[]) => void;
}

function DropZone({ most, onFiles }: DropZoneProps) {
  const [isOver, setIsOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useNoStrayDrop();
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    onFiles([...(event.dataTransfer?.files ?? [])]);
  };
  return (
    <section
      class={isOver ? "drop drop-over" : "drop"}
      aria-labelledby="drop-title"
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <h2 id="drop-title">Drop recordings here</h2>
      <p>
        One or many .dat or .bin files of the belt, up to {most} each. Their names are not sent.
      </p>
      <input
        ref={input}
        id="files"
        hidden
        type="file"
        multiple
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = ""; // so that the same file can be chosen again
        }}
      />
      <button type="button" class="button button-first" onClick={() => input.current?.click()}>
        Choose files
      </button>
    </section>
  );
}

/** A file that is dropped beside the zone would be opened in place of this page. */
function useNoStrayDrop() {
  useEffect(() => {
    const refuse = (event: DragEvent) => event.preventDefault();
    addEventListener("dragover", refuse);
    addEventListener("drop", refuse);
    return () => {
      removeEventListener("dragover", refuse);
      removeEventListener("drop", refuse);
    };
  }, []);
}
