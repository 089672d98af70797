/** The single file: draws what `femo report` put into it. */
import { render } from "preact";
import { nightText } from "./clock";
import { Night } from "./Night";
import { Nights } from "./Nights";
import { endOf, type NightResponse, startOf } from "./response";
import "./viewer.css";

interface Embedded {
  responses: NightResponse[];
  zone: string | null;
  recording: string | null;
  subject: string | null;
}

function Page({ embedded }: { embedded: Embedded }) {
  const { responses, recording, subject } = embedded;
  const zone = embedded.zone === null ? {} : { zone: embedded.zone };
  const [response] = responses;
  if (!response) return <p>This file holds no result: femo report writes one with it.</p>;
  if (responses.length > 1) return <Nights {...{ responses, subject }} {...zone} />;
  return <Night {...{ response, recording, subject }} {...zone} />;
}

const root = document.getElementById("root");
const text = document.getElementById("embedded")?.textContent?.trim();
if (root) {
  const none = { responses: [], zone: null, recording: null, subject: null };
  const embedded: Embedded = text ? JSON.parse(text) : none;
  const [response] = embedded.responses;
  if (response) {
    const { result } = response;
    document.title = `FeMo: ${nightText(startOf(result), endOf(result), embedded.zone ?? "UTC")}`;
  }
  render(
    <main>
      <Page embedded={embedded} />
    </main>,
    root,
  );
}
