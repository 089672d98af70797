/** Who an access token is of, as it says itself: for what a page offers; the service decides. */

/** The user pool's group of those who may approve and deploy, as the template names it. */
const APPROVERS = "modelApprovers";

export interface Claims {
  /** The person's pseudonym in the user pool, by which decisions are kept. */
  userId: string | null;
  mayDecideModels: boolean;
}

export function claimsOf(accessToken: string): Claims {
  const claims = payloadOf(accessToken);
  const groups = claims["cognito:groups"];
  return {
    userId: typeof claims.sub === "string" ? claims.sub : null,
    mayDecideModels: Array.isArray(groups) && groups.includes(APPROVERS),
  };
}

function payloadOf(token: string): Record<string, unknown> {
  const [, payload = ""] = token.split(".");
  try {
    const read: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof read === "object" && read !== null ? { ...read } : {};
  } catch {
    return {};
  }
}
