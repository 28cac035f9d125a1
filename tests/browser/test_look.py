"""What the page looks like to those who read with difficulty, on a phone, or not at all with their eyes."""

from playwright.sync_api import expect

from gradio_ui.static_files import FAVICON

CONTRAST = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => [r, g, b].map((x) => linear(x / 255))
    .reduce((sum, x, at) => sum + x * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const faults = [];
  const walker = document.createTreeWalker(document.querySelector("gradio-app"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest(".pm-over, .pm-with, option, :disabled")) continue; // over pictures: has its own dark ground
    const style = getComputedStyle(element);
    const [one, other] = [light(parse(style.color)), light(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faults.push(`${ratio.toFixed(2)} ${element.className} "${text.slice(0, 30)}"`);
  }
  return faults;
}
"""
UNNAMED = """
() => [...document.querySelectorAll(".gradio-container :is(button, input, select, textarea, a[href], [role=img])")]
  .filter((one) => one.checkVisibility() && !one.closest("[aria-hidden=true]"))
  .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.title))
  .filter((one) => !one.labels?.[0]?.textContent.trim())
  .map((one) => one.outerHTML.slice(0, 120))
"""


def test_text_has_enough_contrast_in_light_and_dark(page, visit) -> None:
    visit("?id=5&k=12&where.department=European+Paintings")
    page.locator("[data-panel=filters] > summary").click()
    page.locator("[data-panel=how] > summary").click()
    expect(page.locator("details[data-panel=how] dt").first).to_be_visible()
    assert page.evaluate(CONTRAST) == []
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function("getComputedStyle(document.body).backgroundColor === 'rgb(20, 21, 23)'")
    page.wait_for_function(f"({CONTRAST})().length === 0")


def test_errors_and_empty_states_have_enough_contrast(page, visit) -> None:
    visit("?id=99999")
    assert page.evaluate(CONTRAST) == []
    visit("")
    assert page.evaluate(CONTRAST) == []


def test_every_control_has_a_name(page, visit) -> None:
    visit("?id=5&k=12")
    page.locator("[data-panel=filters] > summary").click()
    page.locator("[data-panel=how] > summary").click()
    page.get_by_role("button", name="Search a region").click()
    page.locator(".pm-save summary").click()
    assert page.evaluate(UNNAMED) == []
    page.locator(".pm-open").first.click()
    expect(page.locator("[data-field=licence]")).to_be_visible()
    assert page.evaluate(UNNAMED) == []


def test_pictures_keep_their_shape_and_nothing_moves_while_they_load(live, page, visit) -> None:
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => "
        "entry.hadRecentInput || (window.shifts += entry.value))).observe({type: 'layout-shift', buffered: true});"
        "window.addEventListener('load', () => window.shifts = 0);"
    )
    visit("?id=60&k=12")
    page.wait_for_function(
        "[...document.querySelectorAll('.pm-open img')].slice(0, 8).every((one) => one.naturalWidth)"
    )
    catalog = live.engine.dataset("paintings").catalog
    for image in page.locator(".pm-open").all()[:8]:
        record = catalog.get(int(image.get_attribute("data-id") or 0))
        box = image.bounding_box()
        assert box
        assert abs(box["width"] / box["height"] / (record.width / record.height) - 1) < 0.04
    moved_before = page.evaluate("window.shifts")
    page.mouse.wheel(0, 1500)
    page.wait_for_function("[...document.querySelectorAll('.pm-open img')].every((one) => one.naturalWidth)")
    assert page.evaluate("window.shifts") - moved_before < 0.01


def test_a_phone_has_one_column_and_the_query_stays_at_the_top(live, make_page, expect_ids) -> None:
    page = make_page(390, 844, has_touch=True, is_mobile=True)
    page.goto(live.url + "?id=60&k=12")
    expect(page.locator(".pm-cell")).to_have_count(12)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".pm-cell").nth(8).scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)
    expect(page.locator(".pm-query")).to_be_in_viewport()
    for name in ("Turn left", "Turn right", "Flip", "Search a region", "Clear"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 36
    page.locator(".pm-open").nth(1).tap()
    drawer = page.get_by_role("dialog", name="Details")
    box = drawer.bounding_box()
    assert box
    assert round(box["width"]) == 390
    drawer.get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="Clear", exact=True).tap()
    expect(page.get_by_text("Drop a picture here")).to_be_visible()


def test_no_trace_of_gradio_is_shown_and_the_page_has_its_own_icon(live, page, visit) -> None:
    visit()
    assert page.locator("footer:visible").count() == 0
    assert page.title() == "Pentimento"
    assert page.request.get(live.url + "favicon.ico").body() == FAVICON.read_bytes()


def test_without_motion_nothing_is_animated(live, make_page) -> None:
    page = make_page(reduced_motion="reduce")
    page.goto(live.url + "?id=5&k=6&open=5")
    drawer = page.get_by_role("dialog", name="Details")
    expect(drawer).to_be_visible()
    assert drawer.evaluate("(one) => getComputedStyle(one).animationName") == "none"
