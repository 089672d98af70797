import { describe, expect, test, vi } from "vitest";
import type { Api, Job, JobSubmission, UploadView } from "../api";
import { Problem } from "../problem";
import { HASHED_BYTES, type Piece, type Progress, type Transport, upload } from "./pieces";
import { isAtRest, newJobId, SUBJECT_ID, UploadQueue } from "./queue";
import { checkRecording } from "./recording";
import { browserTransport } from "./transport";

const MEBIBYTE = 1024 * 1024;
const never = new AbortController().signal;

/** A service and its storage, which keep what arrived and fail as they are told. */
class Server implements Transport {
  readonly arrived = new Map<number, number>();
  readonly sent: Piece[] = [];
  readonly pauses: number[] = [];
  hashed = 0;
  completed = 0;
  begun = 0;
  /** What goes wrong with the next puts, in their order. */
  faults: (Problem | null)[] = [];
  open = 0;
  mostOpen = 0;

  async begin(sizeBytes: number, sha256: string[]): Promise<UploadView> {
    this.begun += 1;
    const base = { uploadId: "u", s3Key: `uploads/${sha256.join("").slice(0, 8)}/recording.dat` };
    if (sizeBytes <= HASHED_BYTES) {
      if (this.arrived.size > 0) return { ...base, kind: "present" };
      return { ...base, kind: "single", url: "s3:0", headers: { "If-None-Match": "*" } };
    }
    const parts = sha256
      .map((_, index) => ({
        partNumber: index + 1,
        offsetBytes: index * HASHED_BYTES,
        sizeBytes: Math.min(HASHED_BYTES, sizeBytes - index * HASHED_BYTES),
        url: `s3:${index}`,
        headers: {},
      }))
      .filter(({ offsetBytes }) => !this.arrived.has(offsetBytes));
    return { ...base, kind: "multipart", parts };
  }

  async complete(): Promise<void> {
    this.completed += 1;
  }

  async put(piece: Piece, body: Blob, onBytes: (count: number) => void): Promise<void> {
    this.sent.push(piece);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    await Promise.resolve();
    this.open -= 1;
    onBytes(body.size / 2);
    const fault = this.faults.shift();
    if (fault) throw fault;
    this.arrived.set(piece.offset, body.size);
  }

  async pause(seconds: number): Promise<void> {
    this.pauses.push(seconds);
  }

  async digest(content: Blob): Promise<ArrayBuffer> {
    this.hashed += 1;
    return new Uint8Array([content.size % 251, this.hashed]).buffer;
  }
}

/** A file of a size, which nobody reads. */
const file = (size: number) => {
  const blob = new Blob(["x"]);
  Object.defineProperty(blob, "size", { value: size });
  blob.slice = (start = 0, end = size) => sliced(Math.min(end, size) - start);
  return blob;
};
const sliced = (size: number) => {
  const blob = new Blob([]);
  Object.defineProperty(blob, "size", { value: size });
  return blob;
};

/** The browser's way to send, with an S3 at its end that refuses everything. */
const refusing = (status: number, responseText: string) =>
  class {
    readonly status = status;
    readonly responseText = responseText;
    readonly upload = {};
    onload = () => {};
    onloadend = () => {};
    open() {}
    setRequestHeader() {}
    getResponseHeader = () => null;
    send() {
      queueMicrotask(() => {
        this.onload();
        this.onloadend();
      });
    }
  };

const broken = () => new Problem("no answer", 0, "no_answer");

describe("an upload", () => {
  test("sends every byte once, several pieces at a time, and puts them together", async () => {
    const server = new Server();
    const told: Progress[] = [];
    const size = 5 * HASHED_BYTES + 7;
    const key = await upload(file(size), server, (progress) => told.push({ ...progress }), never);
    expect([...server.arrived.values()].reduce((a, b) => a + b, 0)).toBe(size);
    expect(server.mostOpen).toBe(4);
    expect(server.completed).toBe(1);
    expect(key).toMatch(/^uploads\//);
    const sending = told.filter(({ step }) => step === "sending").map(({ bytes }) => bytes);
    expect(sending.at(-1)).toBe(size);
    expect(told.at(-1)).toEqual({ step: "done", bytes: size });
  });

  test("goes on by itself after a broken connection, and sends that piece alone again", async () => {
    const server = new Server();
    server.faults = [null, broken(), new Problem("slow down", 503, "SlowDown", null, null, 3)];
    await upload(file(3 * HASHED_BYTES), server, () => {}, never);
    expect(server.sent.length).toBe(5);
    expect(server.begun).toBe(1);
    expect(server.pauses.sort()).toEqual([1, 3]);
  });

  test("that was given up goes on with what is missing, and reads nothing twice", async () => {
    const server = new Server();
    const night = file(3 * HASHED_BYTES);
    server.faults = [null, null, ...Array.from({ length: 5 }, broken)];
    await expect(upload(night, server, () => {}, never)).rejects.toThrow("no answer");
    const before = server.sent.length;
    const told: number[] = [];
    await upload(night, server, ({ bytes }) => told.push(bytes), never);
    expect(server.sent.slice(before).length).toBe(1);
    expect(told[0]).toBe(2 * HASHED_BYTES);
    expect(server.hashed).toBe(3);
  });

  test("begins again where an address has run out", async () => {
    const server = new Server();
    server.faults = [new Problem("expired", 403, "AccessDenied")];
    await upload(file(2 * HASHED_BYTES), server, () => {}, never);
    expect(server.begun).toBe(2);
    expect(server.completed).toBe(1);
  });

  test("begins again where the token of who signed its address has run out, as S3 tells it", async () => {
    const server = new Server();
    const refused = '<?xml version="1.0"?><Error><Code>ExpiredToken</Code></Error>';
    vi.stubGlobal("XMLHttpRequest", refusing(400, refused));
    const { put } = browserTransport({} as Api);
    const send = server.put.bind(server);
    server.put = (piece, body, onBytes) =>
      server.begun === 1 ? put(piece, body, onBytes, never) : send(piece, body, onBytes);
    await upload(file(2 * HASHED_BYTES), server, () => {}, never);
    expect(server.begun).toBe(2);
    expect(server.completed).toBe(1);
    vi.unstubAllGlobals();
  });

  test("of what has come from elsewhere meanwhile is done, as is that of what is there", async () => {
    const server = new Server();
    server.faults = [new Problem("there", 412, "PreconditionFailed")];
    await upload(file(10), server, () => {}, never);
    server.arrived.set(0, 10);
    await upload(file(10), server, () => {}, never);
    expect(server.sent.length).toBe(1);
  });

  test("that is refused says so at once", async () => {
    const server = new Server();
    server.faults = [new Problem("changed", 400, "BadDigest")];
    await expect(upload(file(10), server, () => {}, never)).rejects.toMatchObject({
      code: "BadDigest",
    });
    expect(server.pauses).toEqual([]);
  });

  test("that is stopped sends nothing more", async () => {
    const server = new Server();
    const stop = new AbortController();
    stop.abort();
    await expect(upload(file(10), server, () => {}, stop.signal)).rejects.toThrow();
    expect(server.sent).toEqual([]);
  });
});

const bytes = (...values: number[]) => new Blob([new Uint8Array(values)]);
const v1 = () => {
  const head = new DataView(new ArrayBuffer(64));
  head.setUint32(0, 1_749_047_400, true);
  head.setUint16(4, 250, true);
  return new Blob([head.buffer]);
};

describe("a file", () => {
  test("is told apart as the analysis does", async () => {
    expect(await checkRecording(v1(), MEBIBYTE)).toEqual({ format: "v1" });
    const zeros = Array.from({ length: 80 }, () => 0);
    expect(await checkRecording(bytes(0x5e, 0xa5, ...zeros), MEBIBYTE)).toEqual({ format: "v2" });
    const header = bytes(0x48, 0x41, 0x41, 0x48, ...zeros);
    expect(await checkRecording(header, MEBIBYTE)).toEqual({ format: "v2" });
  });

  test.each([
    ["empty", new Blob([])],
    ["no recording", new Blob(["%PDF-1.7 something else altogether"])],
    ["header", bytes(0x5e, 0xa5, 0, 0)],
    ["takes", file(2 * MEBIBYTE)],
  ])("that cannot be a recording is refused before it is sent: %s", async (why, blob) => {
    expect(await checkRecording(blob, MEBIBYTE)).toEqual({ refused: expect.stringContaining(why) });
  });
});

describe("the queue", () => {
  const options = {
    removeHiccups: true,
    includeFullIntervals: false,
    extractEvents: true,
    subjectId: "S-1",
  };
  const named = (blob: Blob, name: string) => new File([blob], name);
  const settled = async (queue: UploadQueue) => {
    await expect.poll(() => queue.items.every(isAtRest)).toBe(true);
    return queue.items;
  };

  test("submits what it has sent with the options of its time, under one id", async () => {
    const server = new Server();
    const submitted: JobSubmission[] = [];
    let failures = 1;
    const submit = async (body: JobSubmission) => {
      submitted.push(body);
      if (failures-- > 0) throw broken();
      return { jobId: body.jobId } as Job;
    };
    const queue = new UploadQueue({ submit }, server, MEBIBYTE, () => {});
    queue.add([named(v1(), "a.dat")], options);
    const [item] = await settled(queue);
    expect(item).toMatchObject({ stage: "submitted", options });
    expect(submitted.length).toBe(2);
    expect(submitted[0]).toEqual(submitted[1]);
    expect(submitted[0]).toMatchObject({ removeHiccups: true, subjectId: "S-1" });
    expect(JSON.stringify(submitted)).not.toContain("a.dat");
  });

  test("one file that is none does not hold up the others", async () => {
    const submit = async (body: JobSubmission) => ({ jobId: body.jobId }) as Job;
    const queue = new UploadQueue({ submit }, new Server(), MEBIBYTE, () => {});
    const files = [named(new Blob(["text"]), "b.txt"), named(v1(), "a.dat"), named(v1(), "c.dat")];
    queue.add(files, { ...options, subjectId: "" });
    const items = await settled(queue);
    expect(items.map(({ stage }) => stage)).toEqual(["stopped", "submitted", "submitted"]);
    expect(items[0]?.refused).toContain("no recording");
    queue.remove(items[0]?.id ?? 0);
    expect(queue.items.length).toBe(2);
  });

  test("what was stopped goes on under the same id", async () => {
    const refusal = new Problem("No model.", 400, "model_not_deployed");
    let refuse = true;
    const ids: string[] = [];
    const submit = async (body: JobSubmission) => {
      ids.push(body.jobId);
      if (refuse) throw refusal;
      return { jobId: body.jobId } as Job;
    };
    const queue = new UploadQueue({ submit }, new Server(), MEBIBYTE, () => {});
    queue.add([named(v1(), "a.dat")], options);
    const [stopped] = await settled(queue);
    expect(stopped?.problem).toBe(refusal);
    refuse = false;
    queue.retry(stopped?.id ?? 0);
    const [done] = await settled(queue);
    expect(done?.stage).toBe("submitted");
    expect(new Set(ids).size).toBe(1);
  });

  test("keeps the page from being left while a file that was stopped could still go on", async () => {
    let problem: Problem | null = new Problem("Your session has ended.", 401, "session_ended");
    const submit = async (body: JobSubmission) => {
      if (problem) throw problem;
      return { jobId: body.jobId } as Job;
    };
    const queue = new UploadQueue({ submit }, new Server(), MEBIBYTE, () => {});
    queue.add([named(v1(), "a.dat"), named(new Blob(["text"]), "b.txt")], options);
    const [stopped] = await settled(queue);
    expect(queue.isBusy).toBe(true);
    problem = null;
    queue.retry(stopped?.id ?? 0);
    await settled(queue);
    expect(queue.isBusy).toBe(false); // what was refused is no loss
  });

  test("names jobs and subjects as the service takes them", () => {
    const id = newJobId(new Date("2026-11-26T18:15:00.123Z"), new Uint8Array([1, 2, 3, 255]));
    expect(id).toBe("console-20261126-181500-010203ff");
    expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
    expect(["S-017", "a", "A.b_c"].every((text) => SUBJECT_ID.test(text))).toBe(true);
    expect(["", "-a", "Ann Smith", "é"].some((text) => SUBJECT_ID.test(text))).toBe(false);
  });
});
