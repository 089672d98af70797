/**
 * A service for the built console alone: its files under the policy that the stack sends, a pool
 * that signs everybody in, and answers that a test has set. What AWS does is tested on a stack.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

const SITE = join(import.meta.dirname, "../../../functions/console/femo_console/site");
const POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "img-src", "worker-src", "connect-src"].map(
    (kind) => `${kind} 'self'`,
  ),
  ...["base-uri", "form-action", "frame-ancestors"].map((kind) => `${kind} 'none'`),
].join("; ");
const TYPES: Readonly<Record<string, string>> = {
  css: "text/css",
  html: "text/html",
  js: "text/javascript",
  svg: "image/svg+xml",
};

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body: unknown;
}

export interface FakeService {
  url: string;
  /**
   * "GET /models" -> what is answered; a request's body is what a handler is given. The pool gives
   * tokens where nothing is set for "POST /token".
   */
  answers: Map<string, (body: unknown) => Answer>;
  /** The requests of the API that changed something, in their order. */
  changes: string[];
  /** Who signs in next. */
  claims: Record<string, unknown>;
  close: () => Promise<void>;
}

export async function openService(): Promise<FakeService> {
  const service: FakeService = {
    url: "",
    answers: new Map(),
    changes: [],
    claims: {},
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  const server = createServer((request, response) => {
    answer(service, request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dev/`;
  return service;
}

async function answer(service: FakeService, request: IncomingMessage, response: ServerResponse) {
  const address = new URL(request.url ?? "", service.url);
  const path = address.pathname.replace(/^\/dev/, "");
  const body = await bodyOf(request);
  const json = (status: number, document: unknown, headers = {}) =>
    response
      .writeHead(status, { "Content-Type": "application/json", ...headers })
      .end(typeof document === "string" ? document : JSON.stringify(document));
  if (path === "/console/config.json") return json(200, configOf(service.url));
  if (path.startsWith("/console/")) return file(path.replace("/console/", ""), response);
  if (path === "/authorize") {
    const back = new URL(address.searchParams.get("redirect_uri") ?? "");
    back.searchParams.set("code", "c");
    back.searchParams.set("state", address.searchParams.get("state") ?? "");
    return response.writeHead(302, { Location: back.href }).end();
  }
  if (path === "/token") {
    const refused = service.answers.get("POST /token")?.(null);
    return refused ? json(refused.status ?? 200, refused.body) : json(200, tokensOf(service));
  }
  const found = service.answers.get(`${request.method} ${path}`);
  if (!found) {
    const error = {
      code: "no_such_route",
      message: `nothing is set for ${request.method} ${path}`,
    };
    return json(404, { error });
  }
  if (request.method !== "GET") service.changes.push(`${request.method} ${path} ${body}`);
  const told = found(body ? JSON.parse(body) : null);
  return json(told.status ?? 200, told.body, told.headers);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function file(name: string, response: ServerResponse) {
  const path = join(SITE, name || "index.html");
  if (!path.startsWith(SITE) || !existsSync(path)) return response.writeHead(404).end();
  const type = TYPES[path.split(".").at(-1) ?? ""] ?? "application/octet-stream";
  return response
    .writeHead(200, { "Content-Type": type, "Content-Security-Policy": POLICY })
    .end(readFileSync(path));
}

const configOf = (url: string) => ({
  authority: url,
  authorizationEndpoint: `${url}authorize`,
  tokenEndpoint: `${url}token`,
  endSessionEndpoint: `${url}logout`,
  clientId: "client",
  scopes: "openid",
  apiUrl: "..",
  maxRecordingMegabytes: 1024,
});

function tokensOf(service: FakeService) {
  const part = (document: unknown) => Buffer.from(JSON.stringify(document)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: service.url, aud: "client", iat: now, exp: now + 3600, ...service.claims };
  const token = `${part({ alg: "none" })}.${part(claims)}.x`;
  const kinds = { access_token: token, id_token: token, refresh_token: "r" };
  return { ...kinds, token_type: "Bearer", expires_in: 3600 };
}
