"""A user pool's own pages can be read by everybody, and ask the gateway for no icon.

MiniStack's have text of too little contrast, no main part and an error that is not announced;
without an icon of theirs a browser asks for /favicon.ico, which reads as a request to S3.
"""

from ministack.services import cognito

from local_aws.ministack.private_names import MinistackMismatchError, PrivateName

PRIVATE_NAMES = (PrivateName("services.cognito", "_page_shell", ("title", "heading", "body_html")),)

# What stands in MiniStack's pages, and what takes its place.
_FRAME = (
    ("<style>", '<link rel="icon" href="data:,">\n<style>'),
    ('<div class="card">', '<main class="card">'),
    ("</div>\n</body>", "</main>\n</body>"),
    ("font-size:12px;color:#879596", "font-size:12px;color:#545b64"),
    ("color:#d13212;border", "color:#a32300;border"),
    ("border:1px solid #aab7b8", "border:1px solid #6d7885"),
)
_ERROR = ('<div class="error">', '<div class="error" role="alert">')


def apply() -> None:
    """Mend each page as it is made.

    Raises
    ------
    MinistackMismatchError
        If a page has not what is to be replaced.
    """
    made = cognito._page_shell
    lacking = [old for old, _new in _FRAME if made("", "", "").count(old) != 1]
    if lacking:
        raise MinistackMismatchError(f"MiniStack's sign-in page has no {', '.join(lacking)}")

    def page_shell(title: str, heading: str, body_html: str) -> str:
        page = str(made(title, heading, body_html.replace(*_ERROR)))
        for old, new in _FRAME:
            page = page.replace(old, new)
        return page

    cognito._page_shell = page_shell
