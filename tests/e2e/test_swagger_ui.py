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

import pytest
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from support.npm import install, program

from cognito_mr_auth import Principal, policy
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
    # Whatever the page or the browser would fetch from elsewhere has no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


# --- The parts


@pytest.fixture(scope="session")
def assets() -> Path:
    """Swagger UI's files, installed at the pinned version."""
    return install(PINNED, LIBRARY, "npm") / "node_modules" / LIBRARY


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for option in (*CHROMIUM_OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(option)
    # With a path Selenium Manager does not look for a driver, which would go online.
    driver = webdriver.Chrome(options, Service(executable_path=program("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The base URL of the application behind a real server on loopback."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
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


def application(auth: CognitoAuth, assets: Path) -> FastAPI:
    """An API with a page at /docs whose assets come from itself."""
    app = FastAPI(docs_url=None, responses=auth.responses, swagger_ui_init_oauth=auth.swagger_ui_init_oauth)
    app.mount("/assets", StaticFiles(directory=assets))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="docs",
            swagger_js_url="/assets/swagger-ui-bundle.js",
            swagger_css_url="/assets/swagger-ui.css",
            swagger_favicon_url="/assets/favicon-32x32.png",
            init_oauth=app.swagger_ui_init_oauth,
        )

    @app.get("/me", operation_id="me")
    def me(principal: Annotated[Principal, Depends(auth)]) -> dict[str, str]:
        return {"subject": principal.subject}

    @app.get("/orders", operation_id="orders")
    def orders(
        principal: Annotated[Principal, Depends(auth.require(policy.scopes("orders/read")))],
    ) -> dict[str, list[str]]:
        return {"orders": [principal.subject]}

    return app


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

    def authorize(self, token: str) -> None:
        """Paste a token into the dialogue of the Authorize button."""
        self.click(".auth-wrapper .btn.authorize")
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

    def only_from_here(self) -> bool:
        """Whether everything that the page has loaded came from its own server."""
        script = "return performance.getEntriesByType('resource').map(each => each.name)"
        loaded = self._browser.execute_script(script)
        return bool(loaded) and all(url.startswith((f"{self._base}/", "data:")) for url in loaded)


# --- The promises


def test_a_pasted_token_opens_what_it_may(browser: webdriver.Chrome, assets: Path) -> None:
    """401 before Authorize; after it 200 for the user, and 403 with the reason where a scope is missing."""
    pool = FakeUserPool()
    with served(application(CognitoAuth(pool.offline_verifier()), assets)) as base:
        page = Page(browser, base)
        assert page.execute("me") == ("401", {"detail": "no access token was sent"})
        page.authorize(pool.access_token(subject="the-user"))
        assert page.execute("me") == ("200", {"subject": "the-user"})
        status, body = page.execute("orders")
        assert status == "403"
        assert body["detail"].startswith("the token does not permit this request: the token lacks a scope")
        assert page.only_from_here()


def test_with_a_domain_the_dialogue_signs_in(browser: webdriver.Chrome, assets: Path) -> None:
    """The Authorize button offers the authorization code grant with PKCE, our client and the scopes."""
    auth = CognitoAuth(
        FakeUserPool().offline_verifier(),
        login_domain="auth.example.com",
        swagger_client_id="1example23456789",
    )
    with served(application(auth, assets)) as base:
        page = Page(browser, base)
        page.click(".auth-wrapper .btn.authorize")
        said = page.find(".auth-container").text
        assert "https://auth.example.com/oauth2/authorize" in said
        assert "https://auth.example.com/oauth2/token" in said
        assert "authorizationCode with PKCE" in said
        assert page.find("#client_id_authorizationCode").get_attribute("value") == "1example23456789"
        assert page.find(".auth-container .scopes .checkbox").text == "orders/read"
        [box] = browser.find_elements(By.CSS_SELECTOR, ".auth-container .scopes input[type=checkbox]")
        assert box.is_selected()  # hidden behind its label
        assert page.only_from_here()
