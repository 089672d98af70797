import { render, screen } from "@testing-library/preact";
import { expect, test } from "vitest";
import { Night } from "./Night";

test("a page names the job that it shows", () => {
  render(<Night response={{ jobId: "night-1" }} />);
  expect(screen.getByText("night-1")).toBeTruthy();
});
