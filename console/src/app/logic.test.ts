import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { consoleAddress } from "./config";
import { addressOf, FIRST_PAGE, filtersOf, newer, older, queryOf, tokenOf } from "./filters";
import { changesBetween, paceOf } from "./pages/JobsPage";
import { newestOfEach } from "./pages/SubjectPage";
import { pauseAfter } from "./polling";
import { isPassing, Problem, problemOf, problemOfAnswer, retryAfterOf } from "./problem";
import { deploymentLink, jobLink, routeOf } from "./router";
import { toldOf } from "./ServiceNote";
import { between, lasting, percent, rate, recordingName, size } from "./words";

type Jobs = Parameters<typeof changesBetween>[0];
const job = (jobId: string, status: string, s3Key = `s3://b/${jobId}`) =>
  ({ jobId, status, s3Key, createdAt: "2026-11-26T17:00:00.000Z" }) as unknown as Jobs[number];

describe("an address", () => {
  test("names the page and the job, whatever characters the id has", () => {
    expect(routeOf("#/jobs/night.1")).toEqual({ page: "job", jobId: "night.1" });
    expect(routeOf(jobLink("a b/c"))).toEqual({ page: "job", jobId: "a b/c" });
    expect(routeOf("#/subjects/S-017")).toEqual({ page: "subject", subjectId: "S-017" });
    expect(routeOf("#/upload").page).toBe("upload");
    expect(routeOf("").page).toBe("jobs");
    expect(routeOf("#/models")).toEqual({ page: "models", deploymentId: null });
    expect(routeOf(deploymentLink("api-1"))).toEqual({ page: "models", deploymentId: "api-1" });
  });

  test("that names nothing is told as such, and breaks no page", () => {
    for (const hash of ["#/nope", "#/jobs/a/b", "#/jobs/%E0%A4%A", "#/upload/x", "#/models/8"]) {
      expect(routeOf(hash).page).toBe("unknown");
    }
  });

  test("of the console is the same with a code in it, under any stage and base path", () => {
    const at = { origin: "https://x.example", pathname: "/dev/console/index.html" };
    expect(consoleAddress(at)).toBe("https://x.example/dev/console/");
    expect(consoleAddress({ ...at, pathname: "/console/" })).toBe("https://x.example/console/");
  });
});

describe("filters", () => {
  test("survive a link, and what is no filter is left out of it", () => {
    const query = new URLSearchParams("status=Failed&from=2026-11-01&subject= S-1 &other=1");
    const filters = filtersOf(query);
    expect(addressOf(filters).toString()).toBe("status=Failed&from=2026-11-01&subject=S-1");
    expect(filtersOf(new URLSearchParams("status=Lost&from=yesterday"))).toMatchObject({
      status: "",
      from: "",
    });
  });

  test("cover both days as they are here, to the last moment of the second", () => {
    const { from, to } = queryOf(
      filtersOf(new URLSearchParams("from=2026-03-28&to=2026-03-29")),
      null,
    );
    expect(from).toBe(new Date(2026, 2, 28).toISOString());
    expect(to).toBe(new Date(2026, 2, 30).toISOString());
  });

  test("reach the API under its own names, and nothing that was not chosen", () => {
    const filters = filtersOf(new URLSearchParams("recording=a.dat&subject=S-1"));
    expect(queryOf(filters, "T")).toEqual({
      limit: 25,
      s3Key: "a.dat",
      subjectId: "S-1",
      nextToken: "T",
    });
  });

  test("pages go back the way they came, and not before the first", () => {
    const third = older(older(FIRST_PAGE, "A"), "B");
    expect([tokenOf(third), tokenOf(newer(third))]).toEqual(["B", "A"]);
    expect(newer(newer(newer(third)))).toEqual(FIRST_PAGE);
  });
});

describe("polling", () => {
  const busy = new Problem("busy", 503, "service_busy", null, null, 40);

  test("slows down while the service fails, and waits as long as it asks", () => {
    expect(pauseAfter({ seconds: 5 }, 0, null)).toBe(5);
    expect(pauseAfter({ seconds: 5 }, 2, new Problem("", 0, "no_answer"))).toBe(20);
    expect(pauseAfter({ seconds: 5 }, 9, new Problem("", 0, "no_answer"))).toBe(120);
    expect(pauseAfter({ seconds: 5 }, 1, busy)).toBe(40);
  });

  test("waits as long as it is asked to where a job, a subject or a deployment is looked for", () => {
    expect(pauseAfter(null, 1, busy)).toBe(40);
    expect(pauseAfter(null, 7, busy)).toBe(120);
    expect(pauseAfter(null, 1, new Problem("", 0, "no_answer"))).toBe(2);
  });

  test("ends where asking again brings nothing: an ended job, a refused token", () => {
    expect(pauseAfter(null, 0, null)).toBeNull();
    expect(pauseAfter({ seconds: 5 }, 1, new Problem("", 401, "unauthorized"))).toBeNull();
    expect(pauseAfter({ seconds: 5 }, 1, new Problem("", 404, "job_not_found"))).toBeNull();
  });

  test("looks soon at what is on its way, and rarely at what has ended", () => {
    const list = (...jobs: Jobs) => ({ jobs }) as Parameters<typeof paceOf>[0];
    expect(paceOf(list(job("a", "Queued"))).seconds).toBeLessThan(10);
    expect(paceOf(list(job("a", "Completed"))).seconds).toBeGreaterThanOrEqual(30);
  });

  test("what has changed is said to who does not see it", () => {
    const before = [job("b", "Queued"), job("a", "Queued")];
    const after = [job("c", "Queued"), job("b", "Completed"), job("a", "Queued")];
    expect(changesBetween(before, after)).toBe("b: Completed. 1 new job.");
    expect(changesBetween(before, before)).toBe("");
  });
});

describe("an error", () => {
  test("is told in the service's own sentence, with what an operator asks for", () => {
    const headers = { "x-amzn-requestid": "r-1", "retry-after": "7" };
    const body = { error: { code: "backlog_full", message: "Too much waits.", field: "s3Key" } };
    const problem = problemOfAnswer(new Response(null, { status: 503, headers }), body);
    expect(problem).toMatchObject({
      message: "Too much waits.",
      code: "backlog_full",
      field: "s3Key",
      requestId: "r-1",
      retryAfter: 7,
    });
    expect(isPassing(problem)).toBe(true);
  });

  test("without a body of ours is still told", () => {
    const problem = problemOfAnswer(new Response("x", { status: 418 }), "<html>");
    expect(problem.message).toContain("418");
    expect(isPassing(problem)).toBe(false);
    expect(isPassing(problemOf(new TypeError("Failed to fetch")))).toBe(true);
    expect(isPassing(problemOf(new Error("a bug")))).toBe(false);
  });

  test("asks for patience in seconds or until a date", () => {
    const now = Date.parse("2026-11-26T17:00:00Z");
    expect(retryAfterOf("12", now)).toBe(12);
    expect(retryAfterOf("Thu, 26 Nov 2026 17:01:00 GMT", now)).toBe(60);
    expect(retryAfterOf("soon", now)).toBeNull();
  });
});

describe("words", () => {
  beforeEach(() => {
    vi.stubEnv("TZ", "UTC");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("what is not known is no number", () => {
    for (const text of [lasting(null), percent(undefined), percent(Number.NaN), rate(null)]) {
      expect(text).toBe("–");
    }
    expect([rate(0), percent(0), lasting(0)]).toEqual(["0.0", "0\u00a0%", "0 s"]);
  });

  test("a part is never told as all or nothing", () => {
    expect([percent(0.002), percent(0.998), percent(1)]).toEqual([
      "<1\u00a0%",
      ">99\u00a0%",
      "100\u00a0%",
    ]);
  });

  test("lengths and sizes are told as people do", () => {
    expect([lasting(28_319), lasting(3_600), lasting(59.6)]).toEqual([
      "7 h 52 min",
      "1 h",
      "1 min",
    ]);
    expect([size(999), size(45_555_230), size(1_073_741_824)]).toEqual([
      "999 B",
      "43 MiB",
      "1 GiB",
    ]);
    expect([between(3, 20), between(300, 610)]).toEqual(["3 to 20 s", "5 to 11 min"]);
  });

  test("an upload is told by its content, any other recording by its key", () => {
    const key = "s3://bucket/uploads/AbCdEfGhIjKl.45555230/recording.dat";
    expect(recordingName(key)).toBe("upload AbCdEf… (43 MiB)");
    expect(recordingName("s3://bucket/input-data/s017/a.dat")).toBe("s017/a.dat");
  });
});

describe("the service", () => {
  const service = (status: string, state: string | null, openJobs: number | null = 0) =>
    ({
      endpoint: { status },
      backlog: { openJobs },
      lanes: {
        asynchronous: { state, expectedWait: { fromSeconds: 300, toSeconds: 600 } },
        serverless: { state: "off" },
      },
    }) as unknown as Parameters<typeof toldOf>[0];

  test("says that it sleeps or starts, and for how long", () => {
    expect(toldOf(service("InService", "cold"))).toMatchObject({ kind: "waiting" });
    expect(toldOf(service("InService", "cold")).text).toContain("5 to 10 min");
    expect(toldOf(service("InService", "starting")).text).toContain("is starting");
  });

  test("says that nothing can be analysed where no model serves", () => {
    expect(toldOf(service("NotDeployed", "off")).kind).toBe("stopped");
    expect(toldOf(service("Updating", "ready")).kind).toBe("ready");
  });

  test("tells what waits, and no zero where it is not known", () => {
    expect(toldOf(service("InService", "ready", 1)).text).toContain("1 recording waits or is");
    expect(toldOf(service("InService", "ready", null)).text).toBe("The service is ready.");
  });
});

test("a recording that was analysed twice is one night", () => {
  const jobs = [
    job("b", "Completed", "s3://x"),
    job("a", "Completed", "s3://x"),
    job("c", "", "y"),
  ];
  const nights = newestOfEach(jobs as Parameters<typeof newestOfEach>[0]);
  expect(nights.map(({ jobId }) => jobId)).toEqual(["b", "c"]);
});
