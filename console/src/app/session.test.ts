import { User, UserManager } from "oidc-client-ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isPassing, isSignedOut } from "./problem";
import { type Session, SignIn } from "./session";
import { patiently } from "./upload/pieces";

const config = {
  authority: "https://pool.example",
  authorizationEndpoint: "https://pool.example/authorize",
  tokenEndpoint: "https://pool.example/token",
  endSessionEndpoint: "https://pool.example/logout",
  clientId: "client",
  scopes: "openid",
  apiUrl: "..",
  maxRecordingMegabytes: 1024,
};
const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json" },
  });
const renewed = () =>
  json(200, { access_token: "new", token_type: "Bearer", expires_in: 3600, refresh_token: "r" });
const timedOut = () => Promise.reject(new DOMException("aborted", "AbortError"));

/** A session whose token has run out, and a pool that answers its renewals as it is told. */
async function sessionWith(...answers: (() => Promise<Response> | Response)[]) {
  const pool = vi.fn(async (_url: string, _init?: RequestInit) => (answers.shift() ?? renewed)());
  vi.stubGlobal("fetch", pool);
  const arrival = await new SignIn(config, "https://x.example/console/").arrive("?code=c&state=s");
  if (arrival === "signed-out" || "refused" in arrival) throw new Error("nobody came back");
  return { session: arrival.session, pool };
}

const problemOf = (session: Session) =>
  session.token().then(
    () => null,
    (error: unknown) => error,
  );

describe("a session whose token is renewed", () => {
  beforeEach(() => {
    vi.spyOn(UserManager.prototype, "signinRedirectCallback").mockImplementation(async function (
      this: UserManager,
    ) {
      const user = new User({
        access_token: "old",
        token_type: "Bearer",
        refresh_token: "r",
        profile: { sub: "s", iss: "i", aud: "a", exp: 0, iat: 0 },
        expires_at: 1,
      });
      await this.storeUser(user);
      return user;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  test.each<[string, () => Promise<Response> | Response]>([
    ["the pool is asked too often", () => json(429, { message: "Too many requests" })],
    ["the pool is asked too often, in other words", () => json(429, { error: "TooManyRequests" })],
    ["the pool fails", () => json(500, { error: "server_error" })],
    ["something before the pool fails", () => new Response("<html>", { status: 503 })],
    ["the answer takes too long", timedOut],
    ["no answer comes", () => Promise.reject(new TypeError("Failed to fetch"))],
  ])("does not end, and its uploads go on, where %s", async (_why, fault) => {
    const { session } = await sessionWith(fault, fault);
    const problem = await problemOf(session);
    expect([isPassing(problem), isSignedOut(problem)]).toEqual([true, false]);
    const transport = { pause: async () => {} };
    const never = new AbortController().signal;
    expect(await patiently(() => session.token(), transport, never)).toBe("new");
  });

  test.each(["invalid_grant", "invalid_client", "unauthorized_client"])(
    "has ended where the pool says so, and its person is asked to sign in: %s",
    async (error) => {
      const { session } = await sessionWith(() => json(400, { error }));
      expect(isSignedOut(await problemOf(session))).toBe(true);
    },
  );

  test("waits for its renewal while an upload fills the line, but not for ever", async () => {
    vi.useFakeTimers();
    const { session, pool } = await sessionWith();
    pool.mockImplementationOnce(
      (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
        }),
    );
    const asked = problemOf(session);
    const settled = vi.fn();
    asked.then(settled);
    await vi.advanceTimersByTimeAsync(55_000);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(isPassing(await asked)).toBe(true);
  });
});
