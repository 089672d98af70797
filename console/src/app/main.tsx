import { render } from "preact";
import { App } from "./App";
import "./app.css";
import { consoleAddress, fetchConfig } from "./config";
import { SignIn } from "./session";
import { Welcome } from "./Welcome";

const root = document.getElementById("root");

async function start(page: HTMLElement): Promise<void> {
  const address = consoleAddress(location);
  const config = await fetchConfig(address);
  const signIn = new SignIn(config, address);
  const arrival = await signIn.arrive(location.search);
  if (arrival === "signed-out") {
    // Whoever only reloaded the page is not asked again: the pool still knows them.
    if (signIn.wasSignedIn) return signIn.leave(location.hash);
    render(<Welcome onSignIn={() => void signIn.leave(location.hash)} />, page);
    return;
  }
  if ("refused" in arrival) {
    history.replaceState(null, "", `${address}${location.hash}`);
    const refused = `The sign-in did not work: ${arrival.refused}`;
    render(<Welcome onSignIn={() => void signIn.leave(location.hash)} refused={refused} />, page);
    return;
  }
  // Neither the code nor the state stays in the address, nor in the history.
  history.replaceState(null, "", `${address}${arrival.hash || "#/jobs"}`);
  render(<App {...{ config, address, signIn }} session={arrival.session} />, page);
}

if (root) {
  start(root).catch(() => {
    const refused = "The service does not answer. Load this page again in a moment.";
    render(<Welcome onSignIn={null} refused={refused} />, root);
  });
}
