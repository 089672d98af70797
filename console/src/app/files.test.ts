import { expect, test } from "vitest";
import { apiOf } from "./api";
import { FORMS, fileNameOf } from "./files";
import { isPassing } from "./problem";

const token = { token: async () => "t" };

test("a file has the name that the service gives it, and never a folder", () => {
  expect(fileNameOf('attachment; filename="night.1.fhir.json"')).toBe("night.1.fhir.json");
  expect(fileNameOf("attachment; filename=night.csv; x=y")).toBe("night.csv");
  expect(fileNameOf('attachment; filename="../../a/b.csv"')).toBe("b.csv");
  expect([fileNameOf(null), fileNameOf("attachment"), fileNameOf('filename=""')]).toEqual([
    null,
    null,
    null,
  ]);
});

test("a result is asked for in the form that was chosen, as the person who chose it", async () => {
  const asked: Request[] = [];
  const send = async (request: Request) => {
    asked.push(request);
    const headers = { "content-disposition": 'attachment; filename="night.csv"' };
    return new Response("a,b\n", { headers });
  };
  const api = apiOf("https://x.example/dev", token, send as typeof fetch);
  const file = await api.resultFile("night", FORMS[0]);
  expect([file.name, await file.content.text()]).toEqual(["night.csv", "a,b\n"]);
  const [request] = asked;
  expect(request?.url).toBe("https://x.example/dev/jobs/night/result");
  expect(request?.headers.get("accept")).toBe("text/csv");
  expect(request?.headers.get("authorization")).toBe("Bearer t");
});

test("a large result that S3 sends has a name all the same", async () => {
  const api = apiOf("https://x.example", token, (async () => new Response("{}")) as typeof fetch);
  expect((await api.resultFile("night", FORMS[2])).name).toBe("night.json");
});

test("why there is no such file is told in the service's own words", async () => {
  const body = { error: { code: "not_acceptable", message: "Not in this form." } };
  const send = async () => new Response(JSON.stringify(body), { status: 406 });
  const api = apiOf("https://x.example", token, send as typeof fetch);
  await expect(api.resultFile("night", FORMS[1])).rejects.toMatchObject({
    code: "not_acceptable",
    message: "Not in this form.",
  });
});

test.each(["page", "file"])(
  "a night is not lost with an address that has run out, but asked for again: %s",
  async (kind) => {
    const refused = '<?xml version="1.0"?><Error><Code>ExpiredToken</Code></Error>';
    const send = async () => new Response(refused, { status: 400 });
    const api = apiOf("https://x.example", token, send as typeof fetch);
    const asked =
      kind === "page" ? api.result("https://s3.example/x") : api.resultFile("a", FORMS[0]);
    const problem = await asked.catch((error: unknown) => error);
    expect(isPassing(problem)).toBe(true);
  },
);
