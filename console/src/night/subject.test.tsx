import { cleanup, render } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";
import { thinNight } from "../../tests/nights";
import { identityOf } from "./facts";
import { Nights } from "./Nights";

afterEach(cleanup);

const told = (subjectId: string | null, subject?: string | null) =>
  identityOf({ ...thinNight(), subjectId }, { subject }).find(({ name }) => name === "Subject")
    ?.value;

test("a night is never headed by another pseudonym than the one that its result has", () => {
  expect(told("S-017", "S-099")).toBe("S-017");
  expect(told(null, "S-099")).toBe("S-099");
  expect(told(null)).toBe("not given");
});

test("nights under each other keep their own pseudonyms beside one that was added", () => {
  const night = thinNight();
  const responses = [{ ...night, subjectId: "S-017" }, night];
  const { container } = render(<Nights responses={responses} zone="UTC" subject="S-099" />);
  expect(container.querySelector("header p")?.textContent).toBe("Subject: S-017, S-099");
});
