/** What went wrong, as the API or the network tells it. */

export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    message: string,
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    /** Stable, for programs and for whoever is asked. */
    readonly code: string,
    /** By which an operator finds the request in the logs. */
    readonly requestId: string | null = null,
    readonly field: string | null = null,
    /** Time after which to ask again (s), where the service says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

const PASSING = new Set([0, 429, 500, 502, 503, 504]);

/** Whether the same request may fare better soon. */
export const isPassing = (error: unknown) =>
  error instanceof Problem && PASSING.has(error.status) && error.code !== "aborted";

export const isSignedOut = (error: unknown) => error instanceof Problem && error.status === 401;

export function noAnswer(): Problem {
  const offline = typeof navigator !== "undefined" && navigator.onLine === false;
  return new Problem(
    offline
      ? "This computer is offline. It goes on once the connection is back."
      : "The service did not answer. Check the connection; it is tried again.",
    0,
    "no_answer",
  );
}

/** Of a part of this page that did not come: another page may be served by now. */
export const notLoaded = (): Problem =>
  new Problem(
    "A part of this page could not be loaded: the connection broke, or the console was renewed " +
      "since the page was opened. Load the page again.",
    0,
    "page_not_loaded",
  );

export const isNotLoaded = (error: unknown) =>
  error instanceof Problem && error.code === "page_not_loaded";

/** A Problem from whatever was thrown. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  // What fetch throws where no answer came.
  if (thrown instanceof TypeError) return noAnswer();
  const told = thrown instanceof Error ? thrown.message : String(thrown);
  return new Problem(`The page failed: ${told}`, -1, "page_failed");
}

/** What S3 calls a refusal; null where the text is none of its own. */
export const storageCodeOf = (text: string): string | null =>
  /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1] ?? null;

/**
 * Whether S3 refuses an address only because of its age: the token of whoever signed it has run
 * out, which has the status of a bad request. Another address of the same does not have that fault.
 */
export const hasRunOut = (code: string | null) =>
  code === "ExpiredToken" || code === "TokenRefreshRequired";

interface ErrorBody {
  error?: { code?: unknown; message?: unknown; field?: unknown };
}

/** A Problem from an answer that is no success, whatever its body is; also of S3's own. */
export function problemOfAnswer(answer: Response, body: unknown): Problem {
  const storageCode = typeof body === "string" ? storageCodeOf(body) : null;
  if (hasRunOut(storageCode)) {
    const told = "The address of the result has run out. Ask again: there is another one.";
    return new Problem(told, 503, storageCode ?? "");
  }
  const told = (body as ErrorBody | null | undefined)?.error ?? {};
  const text = (value: unknown) => (typeof value === "string" && value ? value : null);
  return new Problem(
    text(told.message) ?? `The service answered ${answer.status} without saying why.`,
    answer.status,
    text(told.code) ?? storageCode ?? "http_error",
    answer.headers.get("x-amzn-requestid") ?? answer.headers.get("apigw-requestid"),
    text(told.field),
    retryAfterOf(answer.headers.get("retry-after"), Date.now()),
  );
}

/** The time that Retry-After asks for (s), as a number or until a date. */
export function retryAfterOf(text: string | null, now: number): number | null {
  if (!text) return null;
  if (/^\d+$/.test(text)) return Number(text);
  const until = Date.parse(text);
  return Number.isNaN(until) ? null : Math.max(0, (until - now) / 1000);
}
