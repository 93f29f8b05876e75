"""The page in a real browser: what a user sees, on two tabs, over reloads and a crash."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias, final

import attrs
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.e2e.browser_agents import PIECES
from tests.e2e.browser_server import BrowserServer

CHROMIUM: Final = Path("/usr/bin/chromium")
SWITCHES: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHIN_MS: Final = 15_000
QUESTION: Final = "Why did cost rise last week?"
NUMBERS: Final = " ".join(f"n{number}" for number in range(1, PIECES + 1))
REPORT_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`security policy: ${violatedDirective} ${blockedURI}`));
"""
NOTE_EVERY_ANSWER: Final = """
globalThis.answers = [];
new MutationObserver(() => {
  const text = document.querySelector("[data-testid=message-agent]")?.textContent;
  if (text && text !== answers.at(-1)) answers.push(text);
}).observe(document, { childList: true, characterData: true, subtree: true });
"""
SLOW_HISTORY: Final = """
const straight = fetch;
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 350));
globalThis.fetch = async (address, options) => {
  if (!String(address).includes("/events")) return straight(address, options);
  await aWhile(); // What comes live now is in the history too,
  const answer = await straight(address, options);
  await aWhile(); // and what comes now is not.
  return answer;
};
"""
SERVICE_IS_DOWN: Final = re.compile(r"ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESP")
CSV: Final = (
    "time,user,feature,model,input_tokens,output_tokens,latency_ms,cost,status\n"
    + "".join(
        f"2025-03-{day:02d}T10:00:00Z,u_{day},gardening_tips,{model},900,100,700,{cost},success\n"
        for day in range(1, 15)
        for model, cost in [("atlas-small", "0.01"), ("atlas-large", "0.25")]
    )
)

Event: TypeAlias = dict[str, Any]

pytestmark = pytest.mark.browser


@final
@attrs.define(eq=False)
class Desk:
    """One person's browser; collects what its tabs complain about."""

    context: BrowserContext
    server: BrowserServer
    user: str
    complaints: list[str] = attrs.field(factory=list)

    def tab(self, path: str = "/", *, query: str = "") -> Page:
        """Open a tab and wait until it is connected."""
        page = self.context.new_page()
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.goto(f"{self.server.url}{path}?user={self.user}{query}")
        expect_connection(page, "connected")
        return page

    def beside(self, page: Page) -> Page:
        """Open a second tab on the thread that *page* shows."""
        page.wait_for_url(re.compile("thread="))
        return self.tab(query=f"&{page.url.partition('&')[2]}")

    def events(self, page: Page) -> list[Event]:
        """Return the events of the page's run, as the service has them in its log."""
        api = f"{self.server.url}/api"
        asked = page.request.post(f"{api}/dev/token", data={"user_id": self.user})
        bearer = {"Authorization": f"Bearer {asked.json()['token']}"}
        run_id = page.get_by_test_id("run").get_attribute("data-run-id")
        answer = page.request.get(f"{api}/runs/{run_id}/events?limit=1000", headers=bearer)
        assert answer.ok, answer.text()
        events: list[Event] = answer.json()["events"]
        return events

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")


def expect_connection(page: Page, state: str) -> None:
    expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", state)


def ask(page: Page, text: str, agent: str) -> None:
    picker = page.get_by_test_id("agent-picker")
    expect(picker.locator(f"option[value={agent}]")).to_be_attached()
    if picker.input_value() != agent:
        picker.select_option(agent)
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("send").click()


def run_of(page: Page, status: str) -> Locator:
    """Return the page's only run, once it has that status."""
    run = page.get_by_test_id("run")
    expect(run).to_have_count(1)
    expect(run).to_have_attribute("data-status", status)
    return run


def answer_of(page: Page) -> str:
    return page.get_by_test_id("message-agent").inner_text().strip()


def open_steps(run: Locator) -> Locator:
    steps = run.get_by_test_id("show-steps")
    if steps.get_attribute("aria-expanded") != "true":
        steps.click()
    expect(steps).to_have_attribute("aria-expanded", "true")
    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserServer]:
    server = BrowserServer(tmp_path_factory.mktemp("browser") / "netra.db")
    server.start()
    yield server
    assert server.stop() == 0, "".join(server.output)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is not installed")
        pytest.skip(f"{CHROMIUM} is not installed")
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_desk(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Desk]]:
    """Open browsers of a user; what the pages complain about fails the test."""
    desks: list[Desk] = []

    def open_one(server: BrowserServer, **options: object) -> Desk:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", **options}  # type: ignore[arg-type]  # options of one call
        )
        context.set_default_timeout(WITHIN_MS)
        context.add_init_script(REPORT_VIOLATIONS)
        user = re.sub(r"\W+", "-", request.node.name)[:60]
        desks.append(Desk(context, server, user))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.context.close()
    assert [complaint for desk in desks for complaint in desk.complaints] == []


@pytest.fixture
def desk(server: BrowserServer, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(server)


def test_the_analyst_shows_its_work_and_two_tabs_agree(desk: Desk) -> None:
    page = desk.tab()
    ask(page, QUESTION, "analyst")
    other = desk.beside(page)
    for tab in (page, other):
        run_of(tab, "completed")
        expect(tab.get_by_text("Cost rose by 88%").first).to_be_in_viewport()
        run = open_steps(run_of(tab, "completed"))
        expect(run.get_by_test_id("step-thinking").first).to_have_text(re.compile("Reading"))
        tool = run.get_by_test_id("step-tool").filter(has_text="load_usage")
        expect(tool).to_have_attribute("data-status", "success")
        expect(tool).to_contain_text("Read the rows and refuse those that cannot be right")
        expect(tool).to_have_text(re.compile(r"\d(\.\d)? m?s"))
        for name, used in (("cost_analyst", "profile_costs"), ("latency_analyst", "profile_lat")):
            sub = run.get_by_test_id("step-subagent").filter(has_text=name)
            expect(sub.get_by_test_id("step-thinking")).to_have_count(1)
            expect(sub.get_by_test_id("step-tool").filter(has_text=used)).to_be_visible()
        expect(tab.get_by_test_id("message-agent")).to_contain_text("Cost rose by 88%")
        report = tab.get_by_test_id("report")
        expect(report).to_contain_text("20,220")
        expect(report).to_contain_text("$567.79")
        expect(report).to_contain_text("Recommendations")
    assert answer_of(page) == answer_of(other)
    assert page.get_by_test_id("report").inner_text() == other.get_by_test_id("report").inner_text()
    assert steps_of(page) == steps_of(other)
    run_id = page.get_by_test_id("run").get_attribute("data-run-id")
    own = [event for event in desk.events(page) if event["run_id"] == run_id]
    pieces = [event["payload"]["content"] for event in own if event["type"] == "partial_result"]
    assert own[-1]["payload"]["final_response"] == "".join(pieces)


def steps_of(page: Page) -> list[str]:
    return page.locator("[data-testid^=step-]").all_inner_texts()


def test_stopping_a_run_closes_its_tool_once_on_both_tabs(desk: Desk) -> None:
    page = desk.tab()
    ask(page, "Wait for me", "waiter")
    other = desk.beside(page)
    for tab in (page, other):
        tool = run_of(tab, "running").get_by_test_id("step-tool")
        expect(tool).to_have_attribute("data-status", "running")
        expect(tab.get_by_test_id("message-agent")).to_contain_text("n2 ")
    other.get_by_test_id("stop").click()
    for tab in (page, other):
        tool = open_steps(run_of(tab, "cancelled")).get_by_test_id("step-tool")
        expect(tool).to_have_count(1)
        expect(tool).to_have_attribute("data-status", "cancelled")
        expect(tab.get_by_test_id("stop")).to_be_hidden()
        expect(tab.get_by_text("Stopped from browser.")).to_be_visible()
    assert answer_of(page) == answer_of(other)
    assert NUMBERS.startswith(answer_of(page))
    kinds = [event["type"] for event in desk.events(page)]
    assert kinds.count("agent_completed") == 1
    assert kinds[-1] == "agent_completed"
    assert kinds.count("tool_completed") == 1


def test_a_reload_in_the_middle_goes_on_without_saying_anything_twice(desk: Desk) -> None:
    page = desk.tab()
    page.add_init_script(NOTE_EVERY_ANSWER + SLOW_HISTORY)
    page.reload()
    ask(page, "Count", "counter")
    expect(page.get_by_test_id("message-agent")).to_contain_text("n5 ")
    expect_growth(page)
    page.reload()
    run_of(page, "running")
    expect(page.get_by_test_id("message-agent")).to_contain_text("n5 ")
    run = open_steps(run_of(page, "completed"))
    assert answer_of(page) == NUMBERS
    expect_growth(page)
    expect(run.get_by_test_id("step-thinking")).to_have_count(1)
    expect(page.get_by_test_id("message-user")).to_have_count(1)


def expect_growth(page: Page) -> None:
    """Check that the answer came in pieces, each of them once."""
    answers = page.evaluate("() => globalThis.answers")
    assert len(answers) > 3, "the answer did not come in pieces"
    assert [text for text in answers if not f"{NUMBERS} ".startswith(text)] == []
    assert answers == sorted(answers, key=len), "the answer was taken back"


def test_a_waiting_message_can_be_taken_back(desk: Desk) -> None:
    page = desk.tab()
    ask(page, "The first one", "waiter")
    run_of(page, "running")
    ask(page, "The second one", "counter")
    waiting = page.get_by_test_id("queue-item")
    expect(waiting).to_have_count(1)
    expect(waiting).to_contain_text("The second one")
    waiting.get_by_test_id("queue-remove").click()
    expect(waiting).to_have_count(0)
    run = page.get_by_test_id("run").first
    expect(run).to_have_attribute("data-status", "running")
    run.get_by_test_id("stop-run").click()
    expect(run).to_have_attribute("data-status", "cancelled")
    expect(page.get_by_test_id("stop")).to_be_hidden()
    expect(page.locator("[data-testid=run][data-status=completed]")).to_have_count(0)


def test_an_uploaded_file_is_what_the_answer_is_about(desk: Desk) -> None:
    page = desk.tab()
    page.get_by_test_id("file-input").set_input_files({
        "name": "garden.csv",
        "mimeType": "text/csv",
        "buffer": CSV.encode(),
    })
    expect(page.get_by_test_id("attachment")).to_contain_text("garden.csv")
    expect(page.get_by_test_id("send")).to_be_enabled()
    ask(page, "What does this cost?", "analyst")
    run = open_steps(run_of(page, "completed"))
    expect(run.get_by_test_id("step-thinking").nth(1)).to_contain_text("28 rows read, 0 refused")
    expect(page.get_by_test_id("message-user")).to_contain_text("garden.csv")
    expect(page.get_by_test_id("message-agent")).to_contain_text("gardening_tips")
    expect(page.get_by_test_id("report")).to_contain_text("$3.64")


def test_after_a_crash_the_page_comes_back_and_shows_what_was_interrupted(
    tmp_path: Path, open_desk: Callable[..., Desk]
) -> None:
    server = BrowserServer(tmp_path / "netra.db")
    server.start()
    desk = open_desk(server)
    try:
        page = desk.tab()
        ask(page, "Will you survive?", "waiter")
        expect(page.get_by_test_id("message-agent")).to_contain_text("n3 ")
        server.kill()
        expect_connection(page, "reconnecting")
        server.start()
        expect_connection(page, "connected")
        run = open_steps(run_of(page, "interrupted"))
        expect(run.get_by_test_id("step-tool")).to_have_count(1)
        expect(run.get_by_test_id("step-tool")).not_to_have_attribute("data-status", "running")
        expect(page.get_by_test_id("message-user")).to_have_count(1)
        expect(page.get_by_test_id("message-user")).to_contain_text("Will you survive?")
        expect(page.get_by_test_id("thread-item")).to_have_count(1)
        assert NUMBERS.startswith(answer_of(page))
        assert answer_of(page).startswith("n1 n2 n3")
        ask(page, "Count once more", "counter")
        expect(page.get_by_test_id("message-agent").nth(1)).to_have_text(NUMBERS)
    finally:
        assert server.stop() == 0
        # It was away twice: killed, and now that the page is still open.
        desk.context.close()
        desk.complaints[:] = [one for one in desk.complaints if not SERVICE_IS_DOWN.search(one)]


def test_a_narrow_screen_scrolls_only_down_and_reaches_the_threads(
    server: BrowserServer, open_desk: Callable[..., Desk]
) -> None:
    page = open_desk(server, viewport={"width": 390, "height": 844}, has_touch=True).tab()
    ask(page, QUESTION, "analyst")
    open_steps(run_of(page, "completed"))
    expect(page.get_by_test_id("report")).to_be_attached()
    assert page.evaluate(WIDER_THAN_SCREEN) == []
    item = page.get_by_test_id("thread-item")
    expect(item).not_to_be_in_viewport()
    page.get_by_role("button", name="Open the list of threads").tap()
    expect(item).to_be_in_viewport()
    page.get_by_test_id("new-thread").tap()
    expect(item).not_to_be_in_viewport()
    expect(page.get_by_text("What should be looked into?")).to_be_visible()


WIDER_THAN_SCREEN: Final = """() =>
  [document.documentElement, document.body, ...document.querySelectorAll(".scroller, .foot")]
    .filter((node) => node.scrollWidth > innerWidth)
    .map((node) => `${node.tagName}.${node.className} ${node.scrollWidth}`)
"""
LIGHTNESS: Final = """() => {
  const parts = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3);
  return Math.max(...parts.map(Number));
}"""


def test_the_theme_follows_the_system_until_the_keyboard_changes_it(
    server: BrowserServer, open_desk: Callable[..., Desk]
) -> None:
    page = open_desk(server, color_scheme="dark").tab()
    assert page.evaluate(LIGHTNESS) < 40
    toggle = page.get_by_test_id("theme-toggle")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(toggle).to_have_accessible_name(re.compile("Theme: light"))
    assert page.evaluate(LIGHTNESS) > 220
    page.reload()
    expect(toggle).to_have_accessible_name(re.compile("Theme: light"))
    assert page.evaluate(LIGHTNESS) > 220
    toggle.focus()
    page.keyboard.press("Space")
    expect(toggle).to_have_accessible_name(re.compile("Theme: dark"))
    assert page.evaluate(LIGHTNESS) < 40


def test_the_observer_sees_session_run_and_connection(desk: Desk) -> None:
    page = desk.tab()
    ask(page, "Stay a while", "waiter")
    run_id = run_of(page, "running").get_attribute("data-run-id")
    assert run_id is not None
    observer = desk.tab("/observer")
    row = observer.get_by_test_id("runs").locator("tr", has_text=run_id)
    expect(row).to_contain_text("waiter")
    expect(row).to_contain_text("running")
    expect(row).to_contain_text(desk.user)
    expect(observer.get_by_test_id("sessions")).to_contain_text(desk.user)
    expect(observer.get_by_test_id("connections")).to_contain_text(desk.user)
    expect(observer.get_by_test_id("tree")).to_contain_text("session")
    page.get_by_test_id("stop").click()
    run_of(page, "cancelled")
    expect(row).to_have_count(0)
