# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What a user reads who chose another language than English."""

import functools
import re

from playwright.sync_api import expect
import pytest

from tests import catalogues
from tests import latin
from tests import words

# By what it is: the page's address below the panel's.
PAGES = {
    'index': '',
    'a ready instance': '{web-ready}/',
    'an instance without the kit': '{db-agent-no-kit}/',
    'the steps to a ready instance': '{legacy-no-channel}/fix/',
    'a schedule': '{web-ready}/schedule/',
    'the steps in the guest': '{db-agent-no-kit}/setup/',
    'the steps in Windows': '{db-agent-no-kit}/setup/?system=windows',
    'the dialog': '{db-agent-no-kit}/snapshot/',
    'the dialog with downtime': '{db-agent-no-kit}/restart/',
    'images': 'images/',
    'an image': 'images/{debian-12-own}/',
    'a preview': 'images/preset/strict/?id={debian-12-own}',
    'a proof': '{db-hooks}/proof/{proven}/',
    'a new instance': '{db-hooks}/restore/{proven}/',
}
# What the demo itself names with an English word, its guests say, and its
# cloud says of properties.
DEMO = frozenset(['Started', 'demo', 'drifted', 'paused'])
OTHERS = 'pre, code, select, .snapshot-panel-form .snapshot-panel-aside'


# Makes each word half as long again: a language that needs much room.
LENGTHEN = '''() => {
  const texts = document.createTreeWalker(
      document.querySelector('#content_body'), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    if (!texts.currentNode.parentElement.closest('pre, code, script')) {
      texts.currentNode.data = texts.currentNode.data.replace(
          /\\p{L}{3,}/gu, word => word + word.slice(-word.length / 2));
    }
  }
}'''

FITS = 'document.documentElement.scrollWidth <= innerWidth'


@pytest.fixture
def russian(browse, cloud):
    """Open a page in a Russian window: ``russian(path)``."""
    page = browse(language='ru')

    def open_page(path):
        page.goto(words.address(cloud, path))
        return page
    return open_page


@functools.cache
def english():
    """Return the beginnings of our English sentences, and the short texts.

    A sentence counts by what stands before, between and behind its values.
    """
    parts = {part.strip() for domain in catalogues.DOMAINS
             for message in catalogues.messages(domain) if message.id
             for text in (message.id if message.pluralizable
                          else [message.id])
             for part in re.split(r'%\(\w+\)[sd]|%[sd]|\{\{.*?\}\}|<[^>]*>',
                                  text)}
    # Of systems, which are the same in Russian.
    parts -= {message.id for path in catalogues.paths('django')
              for message in catalogues.read(path)
              if message.id == message.string}
    sentences = {part for part in parts if part.count(' ') > 1}
    return sentences, {part for part in parts - sentences
                       if re.search('[a-z]{2}', part)}


@pytest.mark.parametrize('name', PAGES)
def test_a_russian_reads_no_english_of_ours_and_longer_words_fit(
        russian, name):
    page = russian(PAGES[name])
    sentences, short = english()
    page.locator('details').evaluate_all(
        'all => all.forEach(each => { each.open = true; })')

    # What is typed in a shell, and the scripts, is English by itself.
    page.locator(OTHERS).evaluate_all(
        'all => all.forEach(each => each.remove())')
    text = page.locator('#main_content, #content_body').first.inner_text()

    lines = {line.strip() for line in text.splitlines()}
    assert re.search('[А-Яа-яё]{3}', text)
    assert [part for part in sentences if part in text] == []
    assert sorted(lines & short) == []
    assert set(latin.english(text)) - DEMO == set()
    for width in (1400, 768, 390):
        page.set_viewport_size({'width': width, 'height': 1000})
        page.wait_for_function(FITS)
    page.evaluate(LENGTHEN)
    for width in (390, 768, 1400):
        page.set_viewport_size({'width': width, 'height': 1000})
        page.wait_for_function(FITS)


def test_horizons_frame_is_russian_too(russian):
    page = russian('')

    expect(page.locator('#sidebar-accordion, nav').first).to_contain_text(
        'Проект')


def test_ages_are_russian_in_an_english_browser(russian):
    page = russian('{web-ready}/')

    age = page.locator('time[data-ticks]').first

    expect(age).to_have_text(re.compile('назад|сейчас'))


def test_horizons_images_have_russian_verdicts(russian, cloud):
    page = russian('')

    page.goto(cloud.url + 'project/images')

    expect(page.locator('hz-resource-table, table').first).to_contain_text(
        'Согласованность')
