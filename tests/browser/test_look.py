"""Layout: no page scrolls sideways, every target is large enough for a thumb, wide text is not cut off."""

import pytest

from tests.browser import steps
from tests.browser.steps import Person

WIDTHS = (320, 390, 1280)
SMALLEST_TARGET = 44
SEE_SIDEWAYS = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const out = (box) => box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1);
  return [...document.body.querySelectorAll('*')].filter((e) => out(e.getBoundingClientRect()))
    .map((e) => `${e.localName}.${e.className}`).concat(`page is ${root.scrollWidth} px wide`);
}"""
# A tick counts with its label, a tile's link with its tile. A link inside a sentence is as high as its line.
SEE_SMALL_TARGETS = """(least) => {
  const targets = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary');
  const shown = (e) => e.checkVisibility({visibilityProperty: true}) && !e.closest('.sr, [aria-hidden=true]') &&
    !(e.matches('.skip') && e !== document.activeElement);
  const inSentence = (e) => e.localName === 'a' && getComputedStyle(e).display === 'inline' &&
    [...e.parentElement.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const target = (e) => e.matches('[type=checkbox], [type=radio]') ? e.closest('.tick, .robot') :
    e.closest('.tile') || e;
  return [...targets].filter((e) => shown(e) && !inSentence(e)).map((e) => {
    const box = target(e).getBoundingClientRect();
    return box.height < least - .5 || box.width < least - .5 ?
      `${e.localName}.${e.className} «${(e.textContent || e.name).trim()}» ` +
      `${Math.round(box.width)}×${Math.round(box.height)}` : '';
  }).filter(Boolean);
}"""
# WCAG 2.2, 1.4.12: as set by a reader's own style sheet. The dark panels cut nothing but their ornament.
SPACE_TEXT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* {line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important}
    p {margin-block-end: 2em !important}`);
  document.adoptedStyleSheets = [sheet];
}"""
SEE_CUT_TEXT = """() => [...document.body.querySelectorAll('*')].filter((e) => {
  const style = getComputedStyle(e);
  return e.textContent.trim() && !e.closest('.sr, .skip, .txt') && !e.matches('.deep') &&
    e.checkVisibility() && style.overflow !== 'visible' &&
    !['auto', 'scroll'].includes(style.overflowX) &&
    (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
}).map((e) => `${e.localName}.${e.className} «${e.textContent.trim().slice(0, 40)}»`)"""
UNSPACE_TEXT = "() => { document.adoptedStyleSheets = []; }"


@pytest.fixture(params=["ar", "en"])
def person(request, open_page, stack, visual_code):
    return Person(open_page(request.param, WIDTHS[-1]), request.param, stack, visual_code)


@pytest.fixture
def check_walk():
    """Return ``check_walk(person, walk)``: every stop at every width; all faults are told at the end."""

    def check(person: Person, walk):
        told = []
        for name in walk:
            for width in WIDTHS:
                person.page.set_viewport_size({"width": width, "height": 800})
                told += [f"{name} at {width}: {fault}" for fault in see_faults(person.page)]
        assert not told, "\n".join(told)

    return check


def see_faults(page) -> list[str]:
    faults = [f"sideways: {fault}" for fault in page.evaluate(SEE_SIDEWAYS)]
    faults += [f"small target: {fault}" for fault in page.evaluate(SEE_SMALL_TARGETS, SMALLEST_TARGET)]
    page.evaluate(SPACE_TEXT)
    faults += [f"sideways with wide text: {fault}" for fault in page.evaluate(SEE_SIDEWAYS)]
    faults += [f"cut with wide text: {fault}" for fault in page.evaluate(SEE_CUT_TEXT)]
    page.evaluate(UNSPACE_TEXT)
    return faults


def test_open_pages_fit(person, check_walk):
    check_walk(person, steps.walk_open_pages(person))


@pytest.mark.timeout(240)
def test_pages_of_an_account_fit(person, check_walk, problems):
    check_walk(person, steps.walk_whole_account(person))
    steps.forgive(problems, 429)


def test_refusals_fit(person, check_walk, problems):
    check_walk(person, steps.walk_refusals(person))
    for status in (400, 403, 404, 429):
        steps.forgive(problems, status)
