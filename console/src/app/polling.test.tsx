import { act, cleanup, renderHook } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { usePolled } from "./polling";
import { Problem } from "./problem";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

/** A service whose answers come when a test lets them. */
function slowly<T>() {
  const waiting: { answer: (value: T) => void; fail: (problem: Problem) => void }[] = [];
  const ask = vi.fn(() => new Promise<T>((answer, fail) => waiting.push({ answer, fail })));
  const settle = (how: (one: (typeof waiting)[number]) => void) =>
    act(async () => {
      const next = waiting.shift();
      if (!next) throw new Error("nothing was asked");
      how(next);
      await vi.advanceTimersByTimeAsync(0);
    });
  return { ask, settle, open: () => waiting.length };
}

const pass = (milliseconds: number) =>
  act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
  });
const rarely = () => ({ seconds: 30 });

test("what was changed while an old answer was on its way is seen at once, not at the next look", async () => {
  const service = slowly<string>();
  const { result } = renderHook(() => usePolled("models", service.ask, rarely));
  act(() => result.current.again());
  act(() => result.current.again());
  expect(service.open()).toBe(1);
  await service.settle(({ answer }) => answer("before the decision"));
  await service.settle(({ answer }) => answer("after it"));
  expect(result.current.value).toBe("after it");
  expect(service.ask).toHaveBeenCalledTimes(2);
});

test("a change is not forgotten where the answer that was on its way is a failure", async () => {
  const service = slowly<string>();
  const { result } = renderHook(() => usePolled("models", service.ask, rarely));
  act(() => result.current.again());
  await service.settle(({ fail }) => fail(new Problem("gone", 404, "not_found")));
  await service.settle(({ answer }) => answer("after it"));
  expect([result.current.value, result.current.problem]).toEqual(["after it", null]);
});

test("a connection that is back does not hurry a service that asked for patience", async () => {
  const service = slowly<string>();
  renderHook(() => usePolled("job", service.ask, rarely));
  const busy = new Problem("busy", 503, "service_busy", null, null, 100);
  await service.settle(({ fail }) => fail(busy));
  dispatchEvent(new Event("online"));
  await pass(99_000);
  expect(service.ask).toHaveBeenCalledTimes(1);
  await pass(2_000);
  expect(service.ask).toHaveBeenCalledTimes(2);
});

test("a connection that is back is used at once", async () => {
  const service = slowly<string>();
  renderHook(() => usePolled("job", service.ask, rarely));
  await service.settle(({ fail }) => fail(new Problem("", 0, "no_answer")));
  dispatchEvent(new Event("online"));
  await pass(1);
  expect(service.ask).toHaveBeenCalledTimes(2);
});
