import { cleanup, fireEvent, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test } from "vitest";
import { apiWith, renderIn } from "../../../tests/console";
import type { Job, JobList } from "../api";
import { JobsPage } from "./JobsPage";

const job = (jobId: string) =>
  ({
    jobId,
    status: "Completed",
    s3Key: `s3://b/${jobId}`,
    createdAt: "2026-11-26T17:00:00.000Z",
  }) as unknown as Job;

beforeEach(() => {
  location.hash = "#/jobs";
});
afterEach(cleanup);

/** A listing of two pages, as it is while a test has not changed it. */
function listing() {
  const pages: Record<string, JobList> = {
    first: { jobs: [job("b2"), job("b1")], nextToken: "second" },
    second: { jobs: [job("a2"), job("a1")], nextToken: null },
  };
  const jobs = async ({ nextToken }: { nextToken?: string | null | undefined }) => {
    const page = pages[nextToken ?? "first"];
    if (!page) throw new Error("no such page");
    return page;
  };
  return apiWith({ jobs });
}

const said = () => screen.getAllByRole("status").map((one) => one.textContent);

test("who turns a page is not told that the jobs on it are new", async () => {
  renderIn(<JobsPage query={new URLSearchParams()} />, { api: listing() });
  await screen.findByTitle("s3://b/b1");
  fireEvent.click(screen.getByRole("button", { name: "Older →" }));
  await screen.findByTitle("s3://b/a1");
  expect(said().join()).not.toContain("new job");
  fireEvent.click(screen.getByRole("button", { name: "← Newer" }));
  await screen.findByTitle("s3://b/b1");
  expect(said().join()).not.toContain("new job");
});

test("who goes through the statuses by key stays at them until they ask for the jobs", async () => {
  renderIn(<JobsPage query={new URLSearchParams()} />, { api: listing() });
  const status = screen.getByLabelText("Status") as HTMLSelectElement;
  for (const value of ["Queued", "Completed", "Failed"]) {
    fireEvent.change(status, { target: { value } });
    expect(location.hash).toBe("#/jobs");
  }
  expect(status.value).toBe("Failed");
  fireEvent.click(screen.getByRole("button", { name: "Filter" }));
  expect(location.hash).toBe("#/jobs?status=Failed");
});
