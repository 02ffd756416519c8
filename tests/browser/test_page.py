"""What holds for the whole page: small, closed to the outside, operable by keyboard, readable by everybody."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

MOST_KB = 150  # of a first visit
# What a view shows last.
LAST_OF = {"": ".card", "device": ".log", "events": ".event", "part": ".levers, .pairing, .wall, .page > .empty"}


def test_a_first_visit_is_small(person, record_property):
    sizes = []
    person.page.on("response", lambda response: sizes.append(len(response.body())))
    person.opens()
    expect(person.card("tv").link).to_have_text("live")
    person.page.wait_for_load_state("networkidle")
    record_property("page_kb", round(sum(sizes) / 1024))
    assert sum(sizes) < MOST_KB * 1024


def test_nothing_from_elsewhere_is_let_in(person):
    person.opens()
    load = """address => new Promise(done => {
        addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
        const picture = new Image();
        picture.onload = () => done("loaded");
        picture.src = address;
    })"""
    elsewhere = "http://127.0.0.1:9/pixel.png"
    assert person.page.evaluate(load, elsewhere) == "img-src"
    person.asked.remove(elsewhere)
    person.wrong.clear()


def test_all_that_can_be_operated_is_reached_by_tab_and_seen_to_be(person):
    page = person.page
    person.opens()
    expect(person.card("tv").link).to_have_text("live")
    for role in ("banner", "navigation", "main"):
        expect(page.get_by_role(role)).to_have_count(1)
    operable = page.evaluate("""() => {
        const all = [...document.querySelectorAll("a, button, input, select, [tabindex='0']")];
        window.operable = all.filter((e) => e.checkVisibility() && !e.disabled);
        return window.operable.length;
    }""")
    reached = {}
    page.evaluate("document.activeElement.blur()")
    while (place := tabbed(page)) and place[0] not in reached:
        reached[place[0]] = place[1:]
        page.keyboard.press("Tab")
    assert len(reached) == operable > 15
    assert [name for name, is_seen in reached.values() if not is_seen] == []


def tabbed(page):
    """(place among what can be operated, its words, whether the focus is seen) or None once the focus has left."""
    page.keyboard.press("Tab") if page.evaluate("document.activeElement === document.body") else None
    return page.evaluate("""() => {
        const e = document.activeElement;
        if (e === document.body) return null;
        const outlined = [e, ...e.querySelectorAll("*")].some((part) => {
            const { outlineStyle, outlineWidth } = getComputedStyle(part);
            return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
        });
        return [window.operable.indexOf(e), e.ariaLabel || e.textContent, outlined];
    }""")


def test_a_long_line_of_a_crash_is_scrolled_and_does_not_widen_the_page(person):
    crash = 'File "tos/ports/unix/world.py", line 129, in read_millivolts\n' + "E" * 300
    log = {"ms": 9000, "ring": [], "counts": [], "crash": crash}
    person.page.route("**/log", lambda route: route.fulfill(json=log))
    person.opens_device("kettle")
    expect(person.page.get_by_text("read_millivolts")).to_be_visible()
    assert person.sideways_px() == 0


def test_everybody_can_read_it(person):
    page = person.page
    person.opens()
    expect(person.card("tv").link).to_have_text("live")
    page.evaluate(Axe().axe_script)
    kettle = person.hub.devices()["kettle"]["id"]
    for view in ("", f"#/device/{kettle}", "#/events", "#/part/bench", "#/part/pair", "#/part/updates"):
        page.evaluate("view => location.hash = view", view)
        expect(page.locator(LAST_OF[view.split("/")[1] if view else ""]).first).to_be_visible()
        if "device" in view:
            person.touches(page.get_by_role("button", name="Add a rule"))
        found = page.evaluate("axe.run()")["violations"]
        grave = [violation for violation in found if violation["impact"] in ("serious", "critical")]
        assert [(view, one["id"], [node["html"] for node in one["nodes"]]) for one in grave] == []
