"""The few pages that are not the built one: signing in, and what to do when there is no built page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse, Response

from cnstra.devtools.problems import ApiProblem

__all__ = ["PAGE_POLICY", "login_page", "login_redirect", "missing_page", "welcome_page"]

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""The Content-Security-Policy of the built page: nothing from elsewhere, nothing inline, nothing evaluated."""

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem}"
    "input,button{font:inherit;padding:.4rem .6rem}input{width:100%;box-sizing:border-box;margin:.3rem 0 .8rem}"
    "[role=alert]{border-left:.3rem solid #c33;padding-left:.7rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_FORM: Final = (
    '<h1>CNStra DevTools</h1>{alert}<form method="post"{action}><label for="token">Token</label>'
    '<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>'
    "<button>Sign in</button></form><p>The login link that was printed when the DevTools started does the same.</p>"
)
_WELCOME: Final = '<h1>Signed in</h1><p><a href="{onward}">Go to the DevTools</a></p>'
_MISSING: Final = (
    "<h1>The page is not here</h1><p>This installation of cnstra has the API of the DevTools, but not their page, "
    "which is built when a wheel is made. Install a released wheel, or build it in a checkout:</p>"
    "<pre>npm ci --prefix ui\nnpm run --prefix ui build</pre>"
    '<p>The API works: <a href="{root}/api/v1/health">health</a>, <a href="{root}/api/v1/runs">runs</a>.</p>'
)


def login_page(problem: ApiProblem | None = None, *, root: str | None = None, alert: str = "") -> Response:
    """Return the form that takes the token.

    Args:
        problem: Why it is shown instead of something else.
        root: Where the DevTools are mounted; ``None`` if the page is at ``/login`` itself. Then the form goes to where
            it is, and what stands behind the ``#`` of that address stays with it.
        alert: What went wrong.
    """
    shown = f'<p role="alert">{escape(alert)}</p>' if alert else ""
    action = "" if root is None else f' action="{escape(root)}/login"'
    status = 200 if problem is None else problem.status
    headers = {} if problem is None else problem.headers
    return _page("Sign in", _FORM.format(alert=shown, action=action), status, headers)


def login_redirect(root: str, wanted: str) -> Response:
    """Send a browser to the form, which sends it on to *wanted*.

    The browser takes what stands behind the ``#`` along, which no server sees.
    """
    return RedirectResponse(f"{root}/login?next={quote(wanted, safe='')}", status_code=303)


def welcome_page(onward: str) -> Response:
    """Return the page that goes on to *onward*.

    It is no redirect: after one from another site the browser would not send the new cookie.
    """
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(onward)}">'
    return _page("Signed in", _WELCOME.format(onward=escape(onward)), 200, {}, refresh)


def missing_page(root: str) -> Response:
    """Return what to do when the built page is not in the package."""
    return _page("No page", _MISSING.format(root=escape(root)), 503, {})


def _page(title: str, body: str, status: int, headers: Mapping[str, str], head: str = "") -> Response:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · CNStra DevTools</title>'
        f'<meta name="viewport" content="width=device-width">{head}<style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    )
    return HTMLResponse(text, status, {**headers, "Content-Security-Policy": _POLICY})
