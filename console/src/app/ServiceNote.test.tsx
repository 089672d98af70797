import { cleanup, screen } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";
import { apiWith, renderIn } from "../../tests/console";
import { Problem } from "./problem";
import { ServiceNote } from "./ServiceNote";

afterEach(cleanup);

test("who asks in vain whether the service is ready is told so, and does not wait for ever", async () => {
  const service = () => Promise.reject(new Problem("Not for you.", 403, "forbidden"));
  renderIn(<ServiceNote />, { api: apiWith({ service }) });
  await screen.findByText("Whether the service is ready cannot be told now.");
  expect(screen.queryByText(/Looking/)).toBeNull();
});
