/** Who is signed in. Tokens live in this page's memory alone, and end with it. */
import {
  ErrorResponse,
  ErrorTimeout,
  InMemoryWebStorage,
  type User,
  UserManager,
  WebStorageStateStore,
} from "oidc-client-ts";
import { type Claims, claimsOf } from "./claims";
import type { ConsoleConfig } from "./config";
import { noAnswer, Problem } from "./problem";

/** That somebody was signed in: a reload then asks the pool's own session, not the person. */
const WAS_SIGNED_IN = "femo.was-signed-in";
const RENEW_BEFORE_SECONDS = 60;
/** For a renewal that shares the line with an upload. */
const LONGEST_RENEWAL_SECONDS = 60;

/** The refusals of a token endpoint after which asking again is of no use (RFC 6749, 5.2). */
const ENDINGS = new Set([
  "invalid_client",
  "invalid_grant",
  "invalid_request",
  "invalid_scope",
  "unauthorized_client",
  "unsupported_grant_type",
]);

export interface Session {
  /** Their e-mail address, where the pool tells it. */
  readonly name: string;
  /** What the access token that is in use says of them. */
  readonly claims: Claims;
  /**
   * A token that is valid for a minute. A Problem with status 401 where there can be none any more,
   * a passing one where the pool only does not give one now.
   */
  token(isRefused?: boolean): Promise<string>;
  signOut(): Promise<void>;
}

export type Arrival = { session: Session; hash: string } | { refused: string } | "signed-out";

export class SignIn {
  private readonly manager: UserManager;

  constructor(
    private readonly config: ConsoleConfig,
    private readonly address: string,
    private readonly storage: Storage = sessionStorage,
  ) {
    this.manager = new UserManager({
      authority: config.authority,
      metadata: {
        issuer: config.authority,
        authorization_endpoint: config.authorizationEndpoint,
        token_endpoint: config.tokenEndpoint,
      },
      client_id: config.clientId,
      redirect_uri: address,
      response_type: "code",
      scope: config.scopes,
      loadUserInfo: false,
      automaticSilentRenew: false,
      userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
      stateStore: new WebStorageStateStore({ store: storage }),
    });
  }

  /** Go to the sign-in page; whoever comes back is where they were. */
  async leave(hash: string): Promise<void> {
    await this.manager.clearStaleState(); // of sign-ins that nobody finished
    await this.manager.signinRedirect({ state: { hash } });
  }

  /** Take in what the sign-in page sent along, if the page was opened by it. */
  async arrive(search: string): Promise<Arrival> {
    const query = new URLSearchParams(search);
    if (!query.has("state")) return "signed-out";
    try {
      const user = await this.manager.signinRedirectCallback(`${this.address}${search}`);
      this.storage.setItem(WAS_SIGNED_IN, "yes");
      const { hash = "" } = (user.state ?? {}) as { hash?: string };
      return { session: this.sessionOf(user), hash };
    } catch (error) {
      this.storage.removeItem(WAS_SIGNED_IN);
      return { refused: error instanceof Error ? error.message : String(error) };
    }
  }

  get wasSignedIn(): boolean {
    return this.storage.getItem(WAS_SIGNED_IN) !== null;
  }

  private sessionOf(first: User): Session {
    let user = first;
    let renewal: Promise<User> | null = null;
    const renew = () => {
      renewal ??= this.renewed().finally(() => {
        renewal = null;
      });
      return renewal;
    };
    return {
      name: String(user.profile.email ?? user.profile.sub),
      get claims() {
        return claimsOf(user.access_token);
      },
      token: async (isRefused = false) => {
        if (isRefused || (user.expires_in ?? 0) < RENEW_BEFORE_SECONDS) user = await renew();
        return user.access_token;
      },
      signOut: () => this.signOut(),
    };
  }

  private async renewed(): Promise<User> {
    const known = await this.manager.getUser();
    // Without a refresh token the library would try a hidden frame, which the pool refuses.
    if (!known?.refresh_token) throw ended();
    try {
      // Told here, as the library forgets its own limit and would wait for ever.
      const user = await this.manager.signinSilent({
        silentRequestTimeoutInSeconds: LONGEST_RENEWAL_SECONDS,
      });
      if (user) return user;
    } catch (error) {
      throw renewalProblemOf(error);
    }
    throw ended();
  }

  /** End the session here and at the pool, which wants names of its own in the address. */
  private async signOut(): Promise<void> {
    await this.manager.removeUser();
    this.storage.removeItem(WAS_SIGNED_IN);
    const address = new URL(this.config.endSessionEndpoint);
    address.searchParams.set("client_id", this.config.clientId);
    address.searchParams.set("logout_uri", this.address);
    location.assign(address);
  }
}

const ended = () => new Problem("Your session has ended.", 401, "session_ended");

/** What keeps a token from being renewed: the session goes on, unless the pool says that it ended. */
function renewalProblemOf(error: unknown): Problem {
  if (error instanceof ErrorResponse && ENDINGS.has(error.error ?? "")) return ended();
  if (error instanceof TypeError || error instanceof ErrorTimeout) return noAnswer();
  const told = "The sign-in service cannot renew your session now; it is tried again.";
  return new Problem(told, 503, "renewal_failed");
}
