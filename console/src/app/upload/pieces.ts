/** Sends a recording piece by piece; what has arrived is not sent again. */
import type { UploadView } from "../api";
import { isPassing, Problem } from "../problem";

/** Of each hash of POST /uploads. */
export const HASHED_BYTES = 32 * 1024 * 1024;
const PARALLEL_PIECES = 4;
const TRIES = 5;
const BEGINNINGS = 3;
const LONGEST_PAUSE_SECONDS = 20;

export interface Transport {
  begin(sizeBytes: number, sha256: string[]): Promise<UploadView>;
  complete(uploadId: string): Promise<unknown>;
  /** Send bytes to S3. `onBytes` tells how many of them are on their way. */
  put(
    piece: Piece,
    body: Blob,
    onBytes: (count: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Wait before something is tried again, until the network is back at least. */
  pause(seconds: number, signal: AbortSignal): Promise<void>;
  digest(content: Blob): Promise<ArrayBuffer>;
}

export interface Piece {
  url: string;
  headers: Record<string, string>;
  offset: number;
  size: number;
}

export interface Progress {
  step: "reading" | "sending" | "done";
  /** Of the whole file. */
  bytes: number;
}

/** Of files that were read once: to go on after a broken connection takes no second reading. */
const hashes = new WeakMap<Blob, string[]>();

/** Upload a recording and return the key under which it can be submitted. */
export async function upload(
  file: Blob,
  transport: Transport,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<string> {
  const sha256 = await hashed(file, transport, tell, signal);
  for (let beginning = 1; ; beginning += 1) {
    const begun = await patiently(() => transport.begin(file.size, sha256), transport, signal);
    try {
      await sendAll(file, piecesOf(begun, file.size), transport, tell, signal);
      if (begun.kind === "multipart") {
        await patiently(() => transport.complete(begun.uploadId), transport, signal);
      }
      tell({ step: "done", bytes: file.size });
      return begun.s3Key;
    } catch (error) {
      // S3's own where an address has run out, ours where an upload was given up: begin again.
      const mayBegin = error instanceof Problem && (error.status === 403 || error.status === 404);
      if (!mayBegin || beginning === BEGINNINGS) throw error;
    }
  }
}

async function hashed(
  file: Blob,
  transport: Transport,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const known = hashes.get(file);
  if (known) return known;
  const found: string[] = [];
  for (let offset = 0; offset < file.size; offset += HASHED_BYTES) {
    tell({ step: "reading", bytes: offset });
    signal.throwIfAborted();
    const digest = await transport.digest(file.slice(offset, offset + HASHED_BYTES));
    found.push(hexadecimal(digest));
  }
  hashes.set(file, found);
  return found;
}

const hexadecimal = (digest: ArrayBuffer) =>
  [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function piecesOf(begun: UploadView, fileSize: number): Piece[] {
  if (begun.kind === "single") {
    return [{ url: begun.url ?? "", headers: begun.headers ?? {}, offset: 0, size: fileSize }];
  }
  return (begun.parts ?? []).map((part) => ({
    url: part.url,
    headers: part.headers,
    offset: part.offsetBytes,
    size: part.sizeBytes,
  }));
}

async function sendAll(
  file: Blob,
  pieces: Piece[],
  transport: Transport,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const missing = pieces.reduce((sum, piece) => sum + piece.size, 0);
  const sent = pieces.map(() => 0);
  const report = () =>
    tell({ step: "sending", bytes: file.size - missing + sent.reduce((a, b) => a + b, 0) });
  report();
  // One piece that fails for good stops the others: nobody waits for what is of no use.
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const queue = pieces.entries();
  const work = async () => {
    for (const [index, piece] of queue) {
      const body = file.slice(piece.offset, piece.offset + piece.size);
      const onBytes = (count: number) => {
        sent[index] = Math.min(count, piece.size);
        report();
      };
      await patiently(() => sendOne(piece, body, transport, onBytes, either), transport, either);
      onBytes(piece.size);
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL_PIECES }, work));
  } catch (error) {
    stop.abort();
    throw error;
  }
}

async function sendOne(
  piece: Piece,
  body: Blob,
  transport: Transport,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    await transport.put(piece, body, onBytes, signal);
  } catch (error) {
    onBytes(0);
    // The same content has come from elsewhere meanwhile: all is well.
    if (!(error instanceof Problem && error.status === 412)) throw error;
  }
}

/** Do something again while its trouble may pass, as long as somebody might wait. */
export async function patiently<T>(
  act: () => Promise<T>,
  transport: Pick<Transport, "pause">,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      const asked = error instanceof Problem ? (error.retryAfter ?? 0) : 0;
      if (!isPassing(error) || tries === TRIES || asked > LONGEST_PAUSE_SECONDS) throw error;
      await transport.pause(Math.max(asked, 2 ** (tries - 1)), signal);
    }
  }
}
