"""What people do with the page: they look, switch, break things, and come back. On a large screen and on a phone."""

from playwright.sync_api import expect
from soon import until

from .person import number, rises


def test_the_kettle_heats_before_ones_eyes_and_is_switched_off(person):
    person.opens()
    kettle = person.card("kettle")
    power = kettle.switch("power")
    if person.screen == "phone":
        person.touches(power)
    else:
        person.walks_to(power)
        person.page.keyboard.press("Space")
    expect(power).to_be_checked()
    warm = rises(kettle.value("temp"), 21)
    rises(kettle.value("temp"), warm + 2)
    person.keeps_a_picture("house")
    if person.screen == "phone":
        person.touches(power)
    else:
        person.page.keyboard.press("Space")
    expect(power).not_to_be_checked()
    until(lambda: value(person.hub, "kettle", "power") is False, "it heats on")


def test_the_fridge_is_opened_its_light_goes_on_and_it_warms_up(person):
    person.opens()
    fridge = person.card("fridge")
    expect(fridge.value("door")).to_have_text("closed")
    cold = number(fridge.value("temp"))
    person.goes_to("The world")
    person.touches(person.lever("Door", of="fridge"))
    expect(person.lever("Door", of="fridge")).to_be_checked()
    person.keeps_a_picture("world")
    person.goes_to("House")
    expect(fridge.value("door")).to_have_text("open")
    expect(fridge.switch("light")).to_be_checked()
    rises(fridge.value("temp"), cold)


def test_an_unplugged_kettle_is_away_and_comes_back_as_it_was(person, house):
    kettle = person.card("kettle")
    person.opens()
    house.put(person.hub.devices()["kettle"]["id"], "water_c", 97)
    boils = number(kettle.value("boils"))
    person.touches(kettle.switch("power"))
    rises(kettle.value("boils"), boils)
    expect(kettle.switch("power")).not_to_be_checked()
    person.goes_to("The world")
    person.touches(person.lever("Plug", of="kettle"))
    person.goes_to("House")
    expect(kettle.link).to_have_text("away")
    expect(kettle.switch("power")).to_be_disabled()
    expect(person.card("kettle 2").switch("power")).to_be_enabled()
    person.goes_to("The world")
    person.touches(person.lever("Plug", of="kettle"))
    person.goes_to("House")
    expect(kettle.link).to_have_text("live")
    expect(kettle.switch("power")).to_be_enabled()
    assert number(kettle.value("boils")) == boils + 1


def test_a_killed_kettle_is_off_and_back_at_once(person):
    person.opens_device("kettle")
    page = person.page
    power = page.get_by_role("switch", name="power")
    person.touches(power)
    expect(power).to_be_checked()
    person.touches(page.get_by_role("button", name="kill -9"))
    expect(page.get_by_text("restarted").first).to_be_visible()
    expect(power).not_to_be_checked()
    expect(power).to_be_enabled()


def test_a_rule_is_written_kept_and_obeyed(person, house):
    person.opens_device("kettle")
    page = person.page
    rules = page.get_by_role("region", name="Rules")
    person.touches(rules.get_by_role("button", name="Add a rule"))
    rules.get_by_label("When").select_option("temp")
    rules.get_by_label("Condition").select_option("rises above")
    rules.get_by_label("Value watched for").fill("60")
    rules.get_by_label("Set", exact=True).select_option("power")
    rules.get_by_label("Value to set").select_option("off")
    person.keeps_a_picture("device")
    person.touches(rules.get_by_role("button", name="Save"))
    expect(rules.get_by_role("button", name="Save")).to_be_hidden()
    page.reload()
    expect(rules.get_by_label("Value watched for")).to_have_value("60")
    expect(rules.get_by_label("Value to set").locator("option:checked")).to_have_text("off")
    house.put(person.hub.devices()["kettle"]["id"], "water_c", 55)
    power = page.get_by_role("switch", name="power")
    person.touches(power)
    expect(power).to_be_checked()
    expect(power).not_to_be_checked()
    temp = page.get_by_role("row", name="temp").locator("[data-path=temp]")
    assert 60 <= number(temp) < 75


def test_a_refused_rule_is_told_in_the_devices_words_and_the_old_ones_stay(person):
    tv = person.hub.devices()["tv"]["id"]
    old = [{"when": "power", "equals": True, "set": "volume", "to": 30}]
    person.hub.ask("PUT", f"devices/{tv}/rules", rules=old)
    person.opens_device("tv")
    rules = person.page.get_by_role("region", name="Rules")
    expect(rules.get_by_label("Value to set")).to_have_value("30")
    person.touches(rules.get_by_role("button", name="Add a rule"))
    second = rules.get_by_role("listitem").nth(1)
    second.get_by_label("Set", exact=True).select_option("now showing")
    second.get_by_label("Value to set").fill("a title as long as an evening " * 20)
    person.touches(rules.get_by_role("button", name="Save"))
    expect(rules.get_by_role("alert")).to_contain_text("rule 2, now_showing")
    assert person.hub.devices()["tv"]["rules"] == old
    person.touches(rules.get_by_role("button", name="Discard"))
    expect(rules.get_by_role("listitem")).to_have_count(1)
    expect(rules.get_by_role("alert")).to_be_empty()


def test_a_refused_switch_falls_back_and_says_why(person):
    person.opens_device("kettle")
    page = person.page
    person.touches(page.get_by_role("switch", name="Probe"))
    expect(page.get_by_role("row", name="temp").locator("[data-path=temp]")).to_have_text("unknown")
    power = page.get_by_role("switch", name="power")
    person.touches(power)
    expect(person.told("kettle, power: ")).to_contain_text("336")
    expect(power).not_to_be_checked()
    person.touches(page.get_by_role("switch", name="Probe"))
    expect(page.get_by_role("row", name="temp").locator("[data-path=temp]")).not_to_have_text("unknown")


def test_two_kettles_are_told_apart(person):
    person.opens()
    first, second = person.card("kettle"), person.card("kettle 2")
    person.touches(second.switch("power"))
    expect(second.switch("power")).to_be_checked()
    rises(second.value("temp"), 22)
    expect(first.switch("power")).not_to_be_checked()
    assert number(first.value("temp")) == 20
    person.goes_to("The world")
    expect(person.lever("Plug", of="kettle")).to_be_visible()
    expect(person.lever("Plug", of="kettle 2")).to_be_visible()


def test_a_sleeping_watch_is_woken_by_its_button(person):
    person.opens()
    watch = person.card("watch")
    expect(watch.link).to_have_text("asleep")
    person.goes_to("The world")
    person.touches(person.button("Button A", of="watch"))
    person.goes_to("House")
    expect(watch.root.get_by_text("pressed: a")).to_be_visible()
    expect(watch.link).to_have_text("live")


def value(hub, name, path):
    return next(row["value"] for row in hub.devices()[name]["resources"] if row["path"] == path)
