/** The service's API, typed by its own document. Every failure is a Problem. */
import createClient from "openapi-fetch";
import type { components, paths } from "../api/schema.gen";
import { type Form, fileNameOf, type ResultFile } from "./files";
import { problemOf, problemOfAnswer } from "./problem";

type Schemas = components["schemas"];
export type Job = Schemas["JobView"];
export type UnreadableJob = Schemas["UnreadableJobView"];
export type JobList = Schemas["JobList"];
export type JobStatus = Schemas["JobStatus"];
export type Service = Schemas["ServiceView"];
export type UploadView = Schemas["UploadView"];
export type UploadPart = Schemas["UploadPart"];
export type JobSubmission = Schemas["JobSubmission"];
export type Model = Schemas["ModelView"];
export type Metric = Schemas["MetricView"];
export type Gain = Schemas["GainView"];
export type Decision = Schemas["Decision"];
export type Deployment = Schemas["DeploymentView"];
export type ListQuery = NonNullable<paths["/jobs"]["get"]["parameters"]["query"]>;

export interface TokenSource {
  token(isRefused?: boolean): Promise<string>;
}

interface Answered<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

async function taken<T>(call: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>;
  try {
    answered = await call;
  } catch (error) {
    throw problemOf(error);
  }
  if (answered.data === undefined || !answered.response.ok) {
    throw problemOfAnswer(answered.response, answered.error);
  }
  return answered.data;
}

export type Api = ReturnType<typeof apiOf>;

export function apiOf(baseUrl: string, tokens: TokenSource, send: typeof fetch = fetch) {
  /** Send a request with a token; once more with a new one, where that one was refused. */
  const signed = async (request: Request): Promise<Response> => {
    const attempt = async (token: string) => {
      const copy = request.clone();
      copy.headers.set("Authorization", `Bearer ${token}`);
      return send(copy);
    };
    const answer = await attempt(await tokens.token());
    return answer.status === 401 ? attempt(await tokens.token(true)) : answer;
  };
  const client = createClient<paths>({ baseUrl: baseUrl.replace(/\/$/, ""), fetch: signed });
  return {
    jobs: (query: ListQuery) => taken<JobList>(client.GET("/jobs", { params: { query } })),
    job: (jobId: string) =>
      taken<Job>(client.GET("/jobs/{jobId}", { params: { path: { jobId } } })),
    service: () => taken<Service>(client.GET("/service")),
    submit: (body: JobSubmission) => taken<Job>(client.POST("/jobs", { body })),
    beginUpload: (sizeBytes: number, sha256: string[]) =>
      taken<UploadView>(client.POST("/uploads", { body: { sizeBytes, sha256 } })),
    completeUpload: (uploadId: string) =>
      taken(client.POST("/uploads/{uploadId}/complete", { params: { path: { uploadId } } })),
    models: async (limit: number) =>
      (await taken(client.GET("/models", { params: { query: { limit } } }))).models,
    /** What another has decided of the model since it was read is left alone: 409. */
    decide: ({ version, approval }: Model, decision: Decision, comment: string) =>
      taken<Model>(
        client.POST("/models/{version}/approval", {
          params: { path: { version } },
          body: { decision, comment, expectedStatus: approval.status },
        }),
      ),
    deploy: (version: number) =>
      taken<Deployment>(client.POST("/deployments", { body: { version } })),
    deployment: (deploymentId: string) =>
      taken<Deployment>(
        client.GET("/deployments/{deploymentId}", { params: { path: { deploymentId } } }),
      ),
    /** A job's result in one of its forms; a large one comes from S3, where a redirect leads. */
    async resultFile(jobId: string, { accept, suffix }: Form): Promise<ResultFile> {
      const answered = client.GET("/jobs/{jobId}/result", {
        params: { path: { jobId } },
        headers: { Accept: accept },
        parseAs: "blob",
      });
      const content: Blob = await taken(answered);
      const { response } = await answered;
      const name = fileNameOf(response.headers.get("content-disposition"));
      return { content, name: name ?? `${jobId}.${suffix}` };
    },
    /** What a job's resultUrl leads to: S3, where a token has no place. */
    async result(url: string): Promise<unknown> {
      try {
        const answer = await send(url, { credentials: "omit" });
        if (!answer.ok) throw problemOfAnswer(answer, await answer.text());
        return await answer.json();
      } catch (error) {
        throw problemOf(error);
      }
    },
  };
}
