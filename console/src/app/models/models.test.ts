import { describe, expect, test } from "vitest";
import type { Deployment, Model } from "../api";
import { claimsOf } from "../claims";
import { allFigures, figureOf, gainOf } from "./figures";
import {
  approvalWarning,
  commentOf,
  decidedBy,
  deploymentText,
  deploymentWarning,
  rejectionWarning,
  servesText,
  servingVersion,
} from "./words";

const ME = "5f1c2b8e-8a4d-4c55-9d0f-2f6f0c1d7e3a";
const metric = (value: number, low: number | null = null, high: number | null = null) => ({
  value,
  low,
  high,
});
const model = (changes: Partial<Model> = {}): Model => ({
  version: 8,
  modelPackage: "femo-prod/8",
  createdAt: "2026-11-20T10:00:00.000Z",
  approval: { status: "Approved", userId: ME, comment: "Held against 7." },
  serves: [],
  metrics: {},
  gain: null,
  ...changes,
});
const deployment = (changes: Partial<Deployment> = {}): Deployment => ({
  deploymentId: "api-1",
  version: 7,
  status: "Ended",
  outcome: null,
  message: null,
  startedAt: "2026-11-26T17:00:00.000Z",
  endedAt: null,
  ...changes,
});
const tokenOf = (claims: unknown) =>
  `e30.${btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}.x`;

describe("a figure of a model", () => {
  const metrics = {
    f1: metric(0.7124, 0.65, 0.77),
    sensitivity: metric(0),
    chance_sensitivity: metric(0.118),
    chance_sensitivity_upper: metric(0.1503),
    false_detections_per_hour: metric(14.24),
    count_bias: metric(-0.0312),
    true_positive: metric(412),
    of_a_newer_model: metric(0.5),
  };

  test("stands with its interval, or with the word that there is none", () => {
    expect(figureOf(metrics, "f1")).toMatchObject({
      value: "0.712",
      notes: ["95 %: 0.650 to 0.770"],
    });
    expect(figureOf(metrics, "false_detections_per_hour")).toMatchObject({
      value: "14.2",
      notes: ["no interval"],
    });
  });

  test("stands beside what chance alone reaches", () => {
    expect(figureOf(metrics, "sensitivity").notes).toContain("by chance 0.118 (95 % below 0.150)");
  });

  test("that was not measured is a word, and a zero is a zero", () => {
    expect(figureOf(metrics, "precision")).toMatchObject({ value: "not measured", known: false });
    expect(figureOf(metrics, "sensitivity").value).toBe("0.000");
  });

  test("is told once among all of them, whether this page knows it or not", () => {
    const told = allFigures(metrics).map(({ name, value }) => `${name}: ${value}`);
    expect(told).toEqual([
      "F1: 0.712",
      "Sensitivity: 0.000",
      "False detections per hour: 14.2",
      "Bias of the count, as a share: −0.031",
      "Found: 412",
      "of a newer model: 0.500",
    ]);
    expect(allFigures({ chance_f1: metric(0.1) }).map(({ name }) => name)).toEqual(["chance f1"]);
  });

  test("of gain has its sign, its interval and the model that it is over", () => {
    const gain = { f1: 0.0212, low: -0.008, high: 0.049, comparedWith: "femo-prod/7" };
    expect(gainOf(gain)).toMatchObject({
      value: "+0.021",
      notes: ["95 %: −0.008 to +0.049", "over femo-prod/7"],
    });
    expect(gainOf({ ...gain, f1: null }).value).toBe("not measured");
    expect(gainOf({ ...gain, low: null }).notes[0]).toBe("no interval");
    expect(gainOf(null)).toMatchObject({ value: "nothing to compare with", known: false });
  });
});

describe("what was decided of a model", () => {
  test("is told with who decided, by a pseudonym, and never guessed", () => {
    expect(decidedBy(model(), ME)).toBe("Decided by you");
    expect(decidedBy(model(), "another")).toBe(`Decided by ${ME}`);
    const nobody = { status: "Approved", userId: null, comment: null } as const;
    expect(decidedBy(model({ approval: nobody }), ME)).toBe("Who decided is not recorded.");
    const waits = { ...nobody, status: "PendingManualApproval" } as const;
    expect(decidedBy(model({ approval: waits }), ME)).toBeNull();
  });

  test("is a comment of one line, as the registry takes it, that says something", () => {
    expect(commentOf(" Held against 7\n on 40 nights.\t")).toBe("Held against 7  on 40 nights.");
    expect(commentOf(" \n\t ")).toBeNull();
    for (const part of ["\x00", "\x7f", "\x80", "\x85", "\x9f", "\u2028", "\u2029"]) {
      expect(commentOf(`Held${part}against 7.`)).toBe("Held against 7.");
      expect(commentOf(part)).toBeNull();
    }
    expect(commentOf("x".repeat(600))).toHaveLength(500);
  });

  test("the lanes on which it answers are named, and the version that a deployment replaces", () => {
    const fast = model({ version: 9, serves: ["serverless"] });
    const both = model({ version: 7, serves: ["asynchronous", "serverless"] });
    expect(servesText(both)).toBe("In service: the queue and the fast lane");
    expect(servesText(model())).toBeNull();
    expect([servingVersion([fast, both]), servingVersion([fast])]).toEqual([7, null]);
  });
});

describe("before anything is changed", () => {
  test("a deployment says what it takes the place of, and what serves if it fails", () => {
    const said = deploymentWarning(7, 8).join(" ");
    expect(said).toContain("Version 7 takes the place of version 8.");
    expect(said).toContain("what was proven last serves again");
    expect(deploymentWarning(7, null).join(" ")).toContain("None of the versions here serves");
    expect(deploymentWarning(8, 8)[0]).toContain("serves already");
  });

  test("an approval says that it deploys, a rejection what it leaves in service", () => {
    expect(approvalWarning(9, 8)[0]).toContain("its deployment begins at once");
    expect(rejectionWarning(model({ version: 9 }), 8).join(" ")).toContain(
      "Version 8 goes on serving",
    );
    const serving = model({ serves: ["asynchronous"] });
    expect(rejectionWarning(serving, 8)[0]).toContain("is in service, and goes on serving");
  });
});

describe("a deployment", () => {
  test.each([
    ["DEPLOYED", "Version 7: deployed"],
    ["ROLLED_BACK", "Version 7: rolled back"],
    ["SUPERSEDED", "Version 7: superseded by a newer deployment"],
    ["WITHDRAWN", "Version 7: withdrawn"],
    ["NOT_ROLLED_BACK", "Version 7: in service, not proven"],
    ["REFUSED", "Version 7: refused"],
  ] as const)(
    "that ended as %s is told in words, with the service's own sentence",
    (outcome, title) => {
      const told = deploymentText(deployment({ outcome, message: "What serves now." }));
      expect(told.title).toBe(title);
      expect(told.text).toMatch(/^What serves now\. \S/);
      expect(told.kind === "done").toBe(outcome === "DEPLOYED");
    },
  );

  test("under way, failed or ended without an outcome is told as no other", () => {
    expect(deploymentText(deployment({ status: "Running" })).kind).toBe("running");
    expect(deploymentText(deployment({ status: "Failed" })).text).toContain("goes on serving");
    expect(deploymentText(deployment()).text).toContain("not known");
    expect(deploymentText(deployment({ version: null })).title).toContain("not registered");
  });
});

describe("the access token", () => {
  test("tells whether its bearer may decide, by the whole name of the group", () => {
    const groups = (...names: string[]) => claimsOf(tokenOf({ sub: ME, "cognito:groups": names }));
    expect(groups("others", "modelApprovers")).toEqual({ userId: ME, mayDecideModels: true });
    expect(groups("modelApproversNot").mayDecideModels).toBe(false);
    expect(claimsOf(tokenOf({ sub: ME })).mayDecideModels).toBe(false);
  });

  test("that cannot be read gives nobody a right", () => {
    for (const token of ["", "x", "a.b.c", "e30.bnVsbA.x"]) {
      expect(claimsOf(token)).toEqual({ userId: null, mayDecideModels: false });
    }
  });
});
