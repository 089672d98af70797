/** Parts of the console in a page of their own, with whatever they are given of it. */
import { render } from "@testing-library/preact";
import type { ComponentChild } from "preact";
import type { Api, Service } from "../src/app/api";
import { type Console, ConsoleContext } from "../src/app/context";
import { UploadQueue } from "../src/app/upload/queue";

const READY = {
  endpoint: { status: "InService" },
  backlog: { openJobs: 0 },
  lanes: {
    asynchronous: { state: "ready", expectedWait: { fromSeconds: null, toSeconds: null } },
    serverless: { state: "off" },
  },
} as unknown as Service;

/** An API that answers what a test has set, and fails loudly at anything else. */
export const apiWith = (answers: Partial<Api>): Api =>
  ({ service: async () => READY, ...answers }) as Api;

export function renderIn(child: ComponentChild, given: Partial<Console>) {
  const value: Console = {
    api: apiWith({}),
    name: "ann@example.org",
    claims: { userId: "u", mayDecideModels: true },
    docsUrl: "https://x.example/docs/",
    config: {} as Console["config"],
    queue: new UploadQueue(apiWith({}), {} as never, 0, () => {}),
    signInAgain: () => {},
    signOut: () => {},
    ...given,
  };
  return render(<ConsoleContext.Provider value={value}>{child}</ConsoleContext.Provider>);
}
