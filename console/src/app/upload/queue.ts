/** The recordings that were chosen: what becomes of each, from its check to its job. */
import type { Api, Job, JobSubmission } from "../api";
import { type Problem, problemOf } from "../problem";
import { type Progress, patiently, type Transport, upload } from "./pieces";
import { checkRecording } from "./recording";

const AT_ONCE = 2;

export interface Options {
  removeHiccups: boolean;
  includeFullIntervals: boolean;
  extractEvents: boolean;
  subjectId: string;
}

export const DEFAULT_OPTIONS: Options = {
  removeHiccups: false,
  includeFullIntervals: false,
  extractEvents: true,
  subjectId: "",
};

export const SUBJECT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export type Stage = "waiting" | "reading" | "sending" | "submitting" | "submitted" | "stopped";

export interface Item {
  readonly id: number;
  readonly file: File;
  /** Chosen when it is begun, and the same when it is tried again: no second job comes of it. */
  readonly jobId: string;
  readonly options: Options;
  stage: Stage;
  bytes: number;
  problem: Problem | null;
  /** Why the file was not taken at all. */
  refused: string | null;
  job: Job | null;
}

/** "console-20261126-181500-4f2a9c": told apart by people, and by chance never twice. */
export function newJobId(now: Date, random: Uint8Array): string {
  const time = now.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const tail = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `console-${time}-${tail}`;
}

export class UploadQueue {
  items: readonly Item[] = [];
  private active = 0;
  private readonly stops = new Map<number, AbortController>();
  private count = 0;

  constructor(
    private readonly api: Pick<Api, "submit">,
    private readonly transport: Transport,
    private readonly mostBytes: number,
    private readonly changed: () => void,
  ) {}

  /** Whether a chosen file would be lost with the page: one is on its way, or may go on. */
  get isBusy(): boolean {
    return this.items.some((item) => !isAtRest(item) || item.problem !== null);
  }

  add(files: readonly File[], options: Options): void {
    const added = files.map((file): Item => {
      this.count += 1;
      const jobId = newJobId(new Date(), crypto.getRandomValues(new Uint8Array(4)));
      const start = {
        stage: "waiting",
        bytes: 0,
        problem: null,
        refused: null,
        job: null,
      } as const;
      return { id: this.count, file, jobId, options, ...start };
    });
    this.items = [...this.items, ...added];
    this.next();
  }

  /** Go on with what was stopped: what has arrived is not sent again. */
  retry(id: number): void {
    this.change(id, { stage: "waiting", problem: null });
    this.next();
  }

  remove(id: number): void {
    this.stops.get(id)?.abort();
    this.items = this.items.filter((item) => item.id !== id);
    this.changed();
  }

  private next(): void {
    this.changed();
    while (this.active < AT_ONCE) {
      const item = this.items.find(({ stage, id }) => stage === "waiting" && !this.stops.has(id));
      if (!item) return;
      this.active += 1;
      const stop = new AbortController();
      this.stops.set(item.id, stop);
      this.run(item, stop.signal).finally(() => {
        this.active -= 1;
        this.stops.delete(item.id);
        this.next();
      });
    }
  }

  private async run(item: Item, signal: AbortSignal): Promise<void> {
    try {
      const checked = await checkRecording(item.file, this.mostBytes);
      if ("refused" in checked) {
        this.change(item.id, { stage: "stopped", refused: checked.refused });
        return;
      }
      const tell = ({ step, bytes }: Progress) =>
        this.change(item.id, { stage: step === "reading" ? "reading" : "sending", bytes });
      const s3Key = await upload(item.file, this.transport, tell, signal);
      this.change(item.id, { stage: "submitting", bytes: item.file.size });
      const body = submissionOf(item, s3Key);
      const job = await patiently(() => this.api.submit(body), this.transport, signal);
      this.change(item.id, { stage: "submitted", job });
    } catch (error) {
      this.change(item.id, { stage: "stopped", problem: problemOf(error) });
    }
  }

  private change(id: number, changes: Partial<Item>): void {
    this.items = this.items.map((item) => (item.id === id ? { ...item, ...changes } : item));
    this.changed();
  }
}

export const isAtRest = ({ stage }: Item) => stage === "submitted" || stage === "stopped";

export function submissionOf({ jobId, options }: Item, s3Key: string): JobSubmission {
  const { subjectId, ...flags } = options;
  return { jobId, s3Key, ...flags, ...(subjectId && { subjectId }) };
}
