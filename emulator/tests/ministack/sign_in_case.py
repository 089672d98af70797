"""People's sign-in at a pool's own page goes on and ends as Cognito's does."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009

import json
import unittest
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cognito

from local_aws.ministack.cognito import authentication_times, sign_in_page, sign_in_sessions

ADDRESS = "http://127.0.0.1/console/"
PASSWORD = "Correct-horse-1"  # pragma: allowlist secret

sign_in_sessions.apply()
sign_in_page.apply()


class SignInCase(unittest.TestCase):
    def setUp(self) -> None:
        set_request_account_id("test")
        set_request_region("us-east-1")
        sign_in_sessions._sessions.clear()
        self.pool = self.call("create_user_pool", PoolName="p")["UserPool"]["Id"]
        self.client = self.make_client(self.pool)
        self.call(
            "admin_create_user", UserPoolId=self.pool, Username="u", TemporaryPassword=PASSWORD
        )
        self.call(
            "admin_set_user_password",
            UserPoolId=self.pool,
            Username="u",
            Password=PASSWORD,
            Permanent=True,
        )

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        status, _headers, body = getattr(cognito, f"_{operation}")(request)
        self.assertEqual(status, 200, body)
        return dict(json.loads(body or b"{}"))

    def make_client(self, pool: str) -> str:
        return str(
            self.call(
                "create_user_pool_client",
                UserPoolId=pool,
                ClientName="c",
                AllowedOAuthFlows=["code"],
                AllowedOAuthFlowsUserPoolClient=True,
                AllowedOAuthScopes=["openid"],
                CallbackURLs=[ADDRESS],
                LogoutURLs=[ADDRESS],
            )["UserPoolClient"]["ClientId"]
        )

    def query(self, **changes: str) -> dict[str, str]:
        asked = {"response_type": "code", "client_id": self.client, "redirect_uri": ADDRESS}
        return {**asked, "scope": "openid", "state": "s", **changes}

    def authorize(self, cookie: str = "", **changes: str) -> Any:
        headers = {"cookie": cookie} if cookie else {}
        path = "/oauth2/authorize"
        return cognito.handle_oauth2_authorize("GET", path, headers, self.query(**changes))

    def sign_in(self, password: str = PASSWORD) -> Any:
        form = urlencode(self.query(username="u", password=password)).encode()
        return cognito.handle_login_submit("POST", "/login", {}, form, {})

    def cookie(self) -> str:
        return str(self.sign_in()[1]["Set-Cookie"].split(";")[0])

    def test_who_has_signed_in_gets_the_next_code_without_a_password(self) -> None:
        self.assertEqual(self.authorize()[0], 200)
        status, headers, _body = self.authorize(self.cookie())
        self.assertEqual(status, 302)
        answer = urlsplit(headers["Location"])
        self.assertEqual(f"http://{answer.netloc}{answer.path}", ADDRESS)
        self.assertEqual(parse_qs(answer.query)["state"], ["s"])
        self.assertTrue(parse_qs(answer.query)["code"])

    def test_a_session_is_of_its_pool_and_of_its_owner_alone(self) -> None:
        cookie = self.cookie()
        other = self.call("create_user_pool", PoolName="o")["UserPool"]["Id"]
        self.assertEqual(self.authorize(cookie, client_id=self.make_client(other))[0], 200)
        self.assertEqual(self.authorize("cognito=guessed")[0], 200)
        self.assertEqual(self.authorize(cookie, prompt="login")[0], 200)
        self.call("admin_disable_user", UserPoolId=self.pool, Username="u")
        self.assertEqual(self.authorize(cookie)[0], 200)

    def test_a_wrong_password_begins_no_session_and_a_foreign_address_gets_no_code(self) -> None:
        self.assertNotIn("Set-Cookie", self.sign_in("wrong")[1])
        foreign = self.authorize(self.cookie(), redirect_uri="http://127.0.0.1/other/")
        self.assertEqual(foreign[0], 400)

    def test_the_page_is_read_by_everybody_and_asks_the_gateway_for_no_icon(self) -> None:
        page = self.authorize()[2].decode()
        self.assertEqual((page.count("<main"), page.count("</main>")), (1, 1))
        self.assertEqual(page.count("<div"), page.count("</div>"))
        self.assertIn('<link rel="icon" href="data:,">', page)
        self.assertIn("<title>Sign in</title>", page)
        self.assertNotIn("#879596", page)
        self.assertIn('class="error" role="alert"', self.sign_in("wrong")[2].decode())

    def test_signing_out_ends_the_session(self) -> None:
        cookie = self.cookie()
        asked = {"client_id": self.client, "logout_uri": ADDRESS}
        status, headers, _ = cognito.handle_logout("GET", "/logout", {"cookie": cookie}, asked)
        self.assertEqual((status, headers["Location"]), (302, ADDRESS))
        self.assertIn("Max-Age=0", headers["Set-Cookie"])
        self.assertEqual(self.authorize(cookie)[0], 200)


class Times(unittest.TestCase):
    def test_a_refreshed_token_tells_when_its_owner_signed_in(self) -> None:
        first = authentication_times.with_first_time({"origin_jti": "a", "auth_time": 100})
        later = authentication_times.with_first_time({"origin_jti": "a", "auth_time": 3700})
        other = authentication_times.with_first_time({"origin_jti": "b", "auth_time": 3700})
        self.assertEqual([one["auth_time"] for one in (first, later, other)], [100, 100, 3700])

    def test_a_token_without_such_a_time_is_left_as_it_is(self) -> None:
        claims = {"origin_jti": "a", "token_use": "refresh"}
        self.assertEqual(authentication_times.with_first_time(claims), claims)
