import { cleanup, fireEvent, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { apiWith, renderIn } from "../../../tests/console";
import { forwardNight } from "../../../tests/nights";
import type { Job } from "../api";
import { JobPage } from "./JobPage";
import { SubjectPage } from "./SubjectPage";

const views = vi.hoisted(() => ({ isServed: true }));
vi.mock("../nightViews", () => {
  if (!views.isServed) throw new TypeError("Failed to fetch dynamically imported module");
  const Drawn = () => <h1>The night</h1>;
  return { Night: Drawn, Nights: Drawn };
});

const completed = {
  ...forwardNight(),
  jobId: "a",
  status: "Completed",
  s3Key: "s3://b/a",
  createdAt: "2026-11-26T17:00:00.000Z",
} as unknown as Job;
const api = apiWith({
  job: async () => completed,
  jobs: async () => ({ jobs: [completed], nextToken: null }),
});
const pages = [
  ["a job", () => <JobPage jobId="a" />],
  ["a subject", () => <SubjectPage subjectId="S-1" />],
] as const;

beforeEach(() => {
  vi.resetModules();
  views.isServed = false;
});
afterEach(cleanup);

test.each(pages)(
  "a page of %s that is older than the console says how to see the night",
  async (_name, page) => {
    const reload = vi.spyOn(location, "reload").mockImplementation(() => {});
    renderIn(page(), { api });
    fireEvent.click(await screen.findByRole("button", { name: "Load the page again" }));
    expect(reload).toHaveBeenCalled();
    expect(screen.queryByText(/^Drawing/)).toBeNull();
    expect(screen.getByRole("heading", { level: 1 })).toBeTruthy();
  },
);

// From here on the view is there, as what was loaded once stays.
test("a night is drawn after a broken connection, when it is asked for again", async () => {
  renderIn(<JobPage jobId="a" />, { api });
  const again = await screen.findByRole("button", { name: "Try again" });
  views.isServed = true;
  vi.resetModules();
  fireEvent.click(again);
  await screen.findByRole("heading", { name: "The night" });
  expect(screen.queryByRole("alert")).toBeNull();
});

const unreachable = {
  ...completed,
  jobId: "b",
  s3Key: "s3://b/b",
  result: null,
  error: { code: "result_unreachable", message: "Its result cannot be read at the moment." },
} as unknown as Job;

test("a night whose result cannot be read for now can be asked for again", async () => {
  views.isServed = true;
  const job = vi.fn(async () => unreachable);
  renderIn(<JobPage jobId="b" />, { api: apiWith({ job }) });
  const again = await screen.findByRole("button", { name: "Try again" });
  screen.getByText("Its result cannot be read at the moment.");
  job.mockImplementation(async () => completed);
  fireEvent.click(again);
  await screen.findByRole("heading", { name: "The night" });
});

test("one night that cannot be read for now hides no other, and can be asked for again", async () => {
  views.isServed = true;
  const job = vi.fn(async (jobId: string) => (jobId === "b" ? unreachable : completed));
  const jobs = async () => ({ jobs: [unreachable, completed], nextToken: null });
  renderIn(<SubjectPage subjectId="S-1" />, { api: apiWith({ job, jobs }) });
  await screen.findByRole("heading", { name: "The night" });
  screen.getByText("Not shown, as their results cannot be read now: b");
  job.mockImplementation(async () => completed);
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await expect.poll(() => screen.queryByText(/^Not shown/)).toBeNull();
});

test("nights that all cannot be read are not told as nights that are not there", async () => {
  const job = async () => unreachable;
  const jobs = async () => ({ jobs: [unreachable], nextToken: null });
  renderIn(<SubjectPage subjectId="S-1" />, { api: apiWith({ job, jobs }) });
  await screen.findByText(/^Not shown/);
  expect(screen.queryByText(/could be found/)).toBeNull();
});
