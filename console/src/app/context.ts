/** What every page needs: the API, who is signed in, the configuration. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Api } from "./api";
import type { Claims } from "./claims";
import type { ConsoleConfig } from "./config";
import type { UploadQueue } from "./upload/queue";

export interface Console {
  api: Api;
  name: string;
  claims: Claims;
  /** Where the API describes itself. */
  docsUrl: string;
  config: ConsoleConfig;
  queue: UploadQueue;
  /** Sign in again, and come back to this page. */
  signInAgain: () => void;
  signOut: () => void;
}

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (!found) throw new Error("a page stands outside the console");
  return found;
}
