"""Tabs: in the URL, with back and forward, and pictures that are sent from one to another."""

import re

from playwright.sync_api import expect

from gradio_ui.blocks import TABS


def test_every_tab_opens_is_in_the_url_and_back_returns(page, visit) -> None:
    visit("?id=5&k=3")
    for tab in TABS[1:]:
        page.get_by_role("tab", name=tab.title).click()
        expect(page).to_have_url(re.compile(rf"[?&]tab={tab.id}\b"))
        expect(page.get_by_role("tabpanel")).to_have_attribute("id", f"pm-tab-{tab.id}")
        page.go_back()
        expect(page.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
        expect(page.locator(".pm-cell")).to_have_count(3)


def test_a_bookmark_opens_its_tab(live, page) -> None:
    page.goto(live.url + f"?tab={TABS[-1].id}")
    expect(page.get_by_role("tab", name=TABS[-1].title)).to_have_attribute("aria-selected", "true")


def test_a_picture_is_sent_from_its_details_to_each_tab_that_takes_one(page, visit) -> None:
    takers = [tab for tab in TABS if tab.accepts]
    for tab in takers:
        visit("?id=5&k=3")
        page.locator(".pm-open").nth(1).click()
        page.get_by_role("dialog", name="Details").get_by_role("button", name=tab.accepts).click()
        expect(page.get_by_role("tab", name=tab.title)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("dialog", name="Details")).to_be_hidden()
        expect(page).to_have_url(re.compile(rf"[?&]tab={tab.id}\b"))
