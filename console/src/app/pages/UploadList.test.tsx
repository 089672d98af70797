import { cleanup, fireEvent, screen } from "@testing-library/preact";
import { afterEach, expect, test, vi } from "vitest";
import { renderIn } from "../../../tests/console";
import { Problem } from "../problem";
import type { Item, UploadQueue } from "../upload/queue";
import { UploadList } from "./UploadList";

afterEach(cleanup);

test("a recording that was stopped by the sign-in can go on without leaving the page", () => {
  const item = {
    id: 7,
    file: new File(["x"], "night.dat"),
    stage: "stopped",
    bytes: 0,
    problem: new Problem("Your session has ended.", 401, "session_ended"),
    refused: null,
    job: null,
  } as unknown as Item;
  const retry = vi.fn();
  renderIn(<UploadList />, { queue: { items: [item], retry } as unknown as UploadQueue });
  fireEvent.click(screen.getByRole("button", { name: "Go on" }));
  expect(retry).toHaveBeenCalledWith(7);
});
