/** How the pieces of a recording travel in a browser. */
import type { Api } from "../api";
import { hasRunOut, noAnswer, Problem, retryAfterOf, storageCodeOf } from "../problem";
import type { Piece, Transport } from "./pieces";

export function browserTransport(api: Api): Transport {
  return {
    begin: (size, sha256) => api.beginUpload(size, sha256),
    complete: (uploadId) => api.completeUpload(uploadId),
    put,
    pause,
    digest: async (content) => crypto.subtle.digest("SHA-256", await content.arrayBuffer()),
  };
}

/** With XMLHttpRequest, as fetch does not tell how much of a body is on its way. */
function put(
  piece: Piece,
  body: Blob,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open("PUT", piece.url);
    for (const [name, value] of Object.entries(piece.headers)) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => onBytes(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusalOf(request));
    };
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(signal.reason ?? new DOMException("stopped", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.send(body);
  });
}

function refusalOf(request: XMLHttpRequest): Problem {
  const code = storageCodeOf(request.responseText) ?? "http_error";
  const why =
    code === "BadDigest"
      ? "The file has changed while it was uploaded. Choose it again."
      : `The storage refused a part of the recording (${request.status}).`;
  // S3 asks for patience with a status that is otherwise the caller's fault.
  const isPassing = code === "RequestTimeout" || code === "ConditionalRequestConflict";
  const status = isPassing ? 503 : hasRunOut(code) ? 403 : request.status;
  const after = retryAfterOf(request.getResponseHeader("retry-after"), Date.now());
  return new Problem(why, status, code, null, null, after);
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await waited(signal, (done) => {
    const timer = setTimeout(done, 1000 * seconds);
    return () => clearTimeout(timer);
  });
  if (navigator.onLine) return;
  await waited(signal, (done) => {
    addEventListener("online", done);
    return () => removeEventListener("online", done);
  });
}

function waited(signal: AbortSignal, begin: (done: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = begin(() => {
      signal.removeEventListener("abort", stop);
      end();
      resolve();
    });
    function stop() {
      end();
      reject(signal.reason);
    }
    signal.addEventListener("abort", stop, { once: true });
  });
}
