"""FastAPI's /docs in a real browser: Swagger UI's Authorize button works with what we document.

Chromium and its driver are Debian's packages; Swagger UI is the npm package that swagger/package.json
pins, served from loopback, since the page's default assets come from a CDN.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

import pytest
import trustme
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from support.npm import install, program

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.fastapi import CognitoAuth
from cognito_mr_auth.testing import FakeUserPool

PINNED, LIBRARY = Path(__file__).parent / "swagger" / "package.json", "swagger-ui-dist"

# A browser's first start on two busy cores; nothing here takes a tenth of it otherwise.
PATIENCE_S = 30.0

CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--window-size=1280,1600",
)


# --- The parts


@pytest.fixture(scope="session")
def assets() -> Path:
    """Swagger UI's files, installed at the pinned version."""
    return install(PINNED, LIBRARY, "npm") / "node_modules" / LIBRARY


@contextmanager
def chromium(profile: Path, *options_more: str, hosts: str = "") -> Iterator[webdriver.Chrome]:
    """A headless Chromium with a profile of its own. `hosts` are names that it shall find here."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    # Whatever the page or the browser would fetch from elsewhere has no address.
    rules = ", ".join(filter(None, (hosts, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1")))
    more = (f"--user-data-dir={profile}", f"--host-resolver-rules={rules}")
    for option in (*CHROMIUM_OPTIONS, *options_more, *more):
        options.add_argument(option)
    # With a path Selenium Manager does not look for a driver, which would go online.
    driver = webdriver.Chrome(options, Service(executable_path=program("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A browser that can reach only this machine."""
    with chromium(tmp_path / "profile") as driver:
        yield driver


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[str]:
    """The base URL of the application behind a real server on loopback."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", **options)
    listening = config.bind_socket()
    listening.listen()  # from here on a browser that is faster than the server waits
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        listening.close()
    assert not thread.is_alive()


class Tenant(BaseModel):
    """The claims that a route needs."""

    tenant: str = Field(alias="custom:tenant")


def application(assets: Path, verifier: Verifier, **options: Any) -> tuple[FastAPI, CognitoAuth]:
    """An API with a page at /docs whose assets come from itself."""
    app = FastAPI(docs_url=None)
    auth = CognitoAuth(verifier, app=app, **options)
    app.mount("/assets", StaticFiles(directory=assets))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="docs",
            swagger_js_url="/assets/swagger-ui-bundle.js",
            swagger_css_url="/assets/swagger-ui.css",
            swagger_favicon_url="/assets/favicon-32x32.png",
            oauth2_redirect_url="/docs/oauth2-redirect",
            init_oauth=app.swagger_ui_init_oauth,
        )

    @app.get("/docs/oauth2-redirect", include_in_schema=False)
    def redirect() -> HTMLResponse:
        return get_swagger_ui_oauth2_redirect_html()

    @app.get("/me", operation_id="me")
    def me(principal: Annotated[Principal, Depends(auth)]) -> dict[str, str]:
        return {"subject": principal.subject}

    @app.get("/principal", operation_id="principal")
    def whole(principal: Annotated[Principal, Depends(auth)]) -> Principal:
        return principal

    @app.get("/tenant", operation_id="tenant")
    def tenant(claims: Annotated[Tenant, Depends(auth.claims(Tenant))]) -> dict[str, str]:
        return {"tenant": claims.tenant}

    @app.get("/orders", operation_id="orders")
    def orders(
        principal: Annotated[Principal, Depends(auth.require(policy.scopes("orders/read")))],
    ) -> dict[str, list[str]]:
        return {"orders": [principal.subject]}

    return app, auth


@contextmanager
def signing_in(pool: FakeUserPool) -> Iterator[str]:
    """A server that signs anybody in: the rule by which a browser finds it as https://auth.example.com."""
    login = FastAPI(openapi_url=None)
    login.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])

    @login.get("/oauth2/authorize")
    def authorize(redirect_uri: str, state: str, scope: str, code_challenge: str) -> RedirectResponse:
        asked.update(scope=scope)
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code_challenge, 'state': state})}")

    @login.post("/oauth2/token")
    async def token(request: Request) -> dict[str, str]:
        given = parse_qs((await request.body()).decode())
        assert given["grant_type"] == ["authorization_code"]
        assert given["code_verifier"] != given["code"]
        tokens = {"access_token": pool.access_token(subject="by access token"), "token_type": "Bearer"}
        with_openid = {"id_token": pool.id_token(subject="by ID token")}
        return {**tokens, **(with_openid if "openid" in asked["scope"].split() else {})}

    asked: dict[str, str] = {}
    authority = trustme.CA()
    pem = authority.issue_cert("auth.example.com").private_key_and_cert_chain_pem
    with pem.tempfile() as path, served(login, ssl_certfile=path) as base:
        yield f"MAP auth.example.com:443 {base.removeprefix('http://')}"


class Page:
    """/docs, as a person uses it."""

    def __init__(self, browser: webdriver.Chrome, base: str) -> None:
        self._browser = browser
        self._base = base
        # The page draws anew while we look.
        self._wait = WebDriverWait(browser, PATIENCE_S, 0.05, [StaleElementReferenceException])
        browser.get(f"{base}/docs")

    def find(self, css: str) -> WebElement:
        """An element, once it can be seen."""

        def seen(browser: webdriver.Chrome) -> WebElement | None:
            return next(
                (each for each in browser.find_elements(By.CSS_SELECTOR, css) if each.is_displayed()), None
            )

        return self._wait.until(seen, css)

    def click(self, css: str) -> None:
        """Click on an element."""
        element = self.find(css)
        self._browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def gone(self, css: str) -> None:
        """Wait until there is no such element."""
        self._wait.until(lambda browser: not browser.find_elements(By.CSS_SELECTOR, css), css)

    def authorize(self, *tokens: str) -> None:
        """Paste a token into each field of the Authorize button's dialogue."""
        self.click(".auth-wrapper .btn.authorize")
        for token in tokens:  # what is filled in has a field no more
            self.find(".auth-container input").send_keys(token)
            self.click(".auth-btn-wrapper .btn.authorize")
        self.click(".auth-btn-wrapper .btn-done")
        self.gone(".auth-container")

    def execute(self, operation: str) -> tuple[str, Any]:
        """Try an operation out: its status and JSON body."""
        block = f"#operations-default-{operation}"
        if not self._browser.find_elements(By.CSS_SELECTOR, f"{block} .execute"):
            self.click(f"{block} .opblock-summary-control")
            self.click(f"{block} .try-out__btn")
        else:
            self.click(f"{block} .btn-clear")
            self.gone(f"{block} .live-responses-table")
        self.click(f"{block} .execute")
        response = f"{block} .live-responses-table tr.response"
        status = self.find(f"{response} .response-col_status").text
        body = self.find(f"{response} .highlight-code code").text
        return status.split()[0], json.loads(body)

    def only_from_here(self, *others: str) -> bool:
        """Whether everything that the page has loaded came from its own server, or is one of these URLs."""
        script = "return performance.getEntriesByType('resource').map(each => each.name)"
        loaded = self._browser.execute_script(script)
        return bool(loaded) and all(url.startswith((f"{self._base}/", "data:", *others)) for url in loaded)


# --- The promises

MISSING = {"detail": "no access token was sent", "reason": "credentials_missing"}


def test_a_pasted_token_opens_what_it_may(browser: webdriver.Chrome, assets: Path) -> None:
    """401 before Authorize; after it 200 for the user, and 403 with the reason where something is missing."""
    pool = FakeUserPool()
    app, _ = application(assets, pool.offline_verifier(), scheme_name="staff")
    with served(app) as base:
        page = Page(browser, base)
        assert page.execute("me") == ("401", MISSING)
        page.authorize(pool.access_token(subject="the-user"))
        assert page.execute("me") == ("200", {"subject": "the-user"})
        status, body = page.execute("principal")
        assert (status, body["subject"], body["token_use"]) == ("200", "the-user", "access")
        for operation, hint in (("orders", "the token lacks a scope"), ("tenant", "its claims do not fit")):
            status, body = page.execute(operation)
            assert (status, body["reason"]) == ("403", "policy_denied")
            assert body["detail"].startswith(f"the token does not permit this request: {hint}")
        assert page.only_from_here()


def test_claims_that_fit(browser: webdriver.Chrome, assets: Path) -> None:
    """A route with `auth.claims(Model)` sends the token as every other does."""
    pool = FakeUserPool()
    app, _ = application(assets, pool.offline_verifier())
    with served(app) as base:
        page = Page(browser, base)
        page.authorize(pool.access_token(claims={"custom:tenant": "acme"}))
        assert page.execute("tenant") == ("200", {"tenant": "acme"})


def test_two_providers_have_two_buttons(browser: webdriver.Chrome, assets: Path) -> None:
    """Each token goes to the routes of its own pool."""
    pool, other = FakeUserPool(), FakeUserPool("eu-west-1_Other0001")
    app, _ = application(assets, pool.offline_verifier(), scheme_name="shop")
    staff = CognitoAuth(other.offline_verifier(), app=app, scheme_name="staff")

    @app.get("/staff", operation_id="staff")
    def of_staff(principal: Annotated[Principal, Depends(staff)]) -> dict[str, str]:
        return {"subject": principal.subject}

    with served(app) as base:
        page = Page(browser, base)
        page.authorize(pool.access_token(subject="customer"), other.access_token(subject="colleague"))
        assert page.execute("me") == ("200", {"subject": "customer"})
        assert page.execute("staff") == ("200", {"subject": "colleague"})


@pytest.mark.parametrize("token_use", ["access", "id"])
def test_the_dialogue_signs_in(tmp_path: Path, assets: Path, token_use: str) -> None:
    """With a domain: the authorization code grant with PKCE, our client, the scopes, and the right token."""
    pool = FakeUserPool()
    app, _ = application(
        assets,
        pool.offline_verifier(token_use=token_use),
        login_domain="auth.example.com",
        swagger_client_id="1example23456789",
    )
    trusting = ("--ignore-certificate-errors", "--disable-popup-blocking")
    with (
        signing_in(pool) as hosts,
        served(app) as base,
        chromium(tmp_path / "profile", *trusting, hosts=hosts) as browser,
    ):
        page = Page(browser, base)
        page.click(".auth-wrapper .btn.authorize")
        said = page.find(".auth-container").text
        assert "https://auth.example.com/oauth2/authorize" in said
        assert "https://auth.example.com/oauth2/token" in said
        assert "authorizationCode with PKCE" in said
        assert page.find("#client_id_authorizationCode").get_attribute("value") == "1example23456789"
        offered = [box.text for box in browser.find_elements(By.CSS_SELECTOR, ".scopes .checkbox")]
        assert offered == [*(["openid"] if token_use == "id" else []), "orders/read"]
        boxes = browser.find_elements(By.CSS_SELECTOR, ".auth-container .scopes input[type=checkbox]")
        assert all(box.is_selected() for box in boxes)  # hidden behind their labels
        page.click(".auth-btn-wrapper .btn.authorize")
        page.gone("#client_id_authorizationCode")
        page.click(".auth-btn-wrapper .btn-done")
        page.gone(".auth-container")
        name = "ID" if token_use == "id" else "access"
        assert page.execute("me") == ("200", {"subject": f"by {name} token"})
        assert page.only_from_here("https://auth.example.com/oauth2/token")
