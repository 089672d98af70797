/** What the page must know of the stack that serves it, fetched when it starts. */

export interface ConsoleConfig {
  authority: string;
  authorizationEndpoint: string;
  tokenEndpoint: string;
  endSessionEndpoint: string;
  clientId: string;
  scopes: string;
  /** Relative to the console's own address. */
  apiUrl: string;
  /** The largest recording that the service takes, in MiB. */
  maxRecordingMegabytes: number;
}

/** The console's own address, without query and hash: where sign-in comes back to. */
export const consoleAddress = (location: { origin: string; pathname: string }) =>
  `${location.origin}${location.pathname.replace(/[^/]*$/, "")}`;

export async function fetchConfig(base: string): Promise<ConsoleConfig> {
  const answer = await fetch(new URL("config.json", base), { cache: "no-cache" });
  if (!answer.ok) throw new Error(`the console's configuration answered ${answer.status}`);
  return (await answer.json()) as ConsoleConfig;
}
