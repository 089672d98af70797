/** Which page an address's hash names. */
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { page: "jobs"; query: URLSearchParams }
  | { page: "job"; jobId: string }
  | { page: "upload" }
  | { page: "models"; deploymentId: string | null }
  | { page: "subject"; subjectId: string }
  | { page: "unknown" };

export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const [, page = "", name = "", ...more] = path.split("/");
  if (more.length > 0) return { page: "unknown" };
  const id = decoded(name);
  if ((page === "" || page === "jobs") && !name) {
    return { page: "jobs", query: new URLSearchParams(query) };
  }
  if (page === "jobs" && id) return { page: "job", jobId: id };
  if (page === "upload" && !name) return { page: "upload" };
  if (page === "models" && !name) {
    return { page: "models", deploymentId: new URLSearchParams(query).get("deployment") };
  }
  if (page === "subjects" && id) return { page: "subject", subjectId: id };
  return { page: "unknown" };
}

export const jobLink = (jobId: string) => `#/jobs/${encodeURIComponent(jobId)}`;
export const subjectLink = (subjectId: string) => `#/subjects/${encodeURIComponent(subjectId)}`;
export const deploymentLink = (deploymentId: string) =>
  `#/models?${new URLSearchParams({ deployment: deploymentId })}`;
export const jobsLink = (query: URLSearchParams) => `#/jobs${query.size ? `?${query}` : ""}`;

function decoded(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return routeOf(hash);
}
