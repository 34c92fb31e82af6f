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

"""The translations: whole, unbroken, current, and served.

``python -m tests.catalogues`` brings them up to the sources.
"""

import collections
import gettext
import pathlib
import re
from unittest import mock

from babel.messages import catalog
from babel.messages import pofile
from django.conf import settings
from django import test
from django.urls import reverse
from django.utils import translation
import horizon
import openstack_auth
import openstack_dashboard
from openstack_dashboard import context_processors
import pytest

from snapshot_panel.ui import words
from tests import catalogues
from tests import latin

PATHS = [path for domain in catalogues.DOMAINS
         for path in catalogues.paths(domain)]
each_catalogue = pytest.mark.parametrize(
    'path', PATHS, ids=lambda path: f'{catalogues.language(path)}-{path.stem}')

# What stands for something else, or is markup, or is typed as it is.
PLACEHOLDER = re.compile(
    r'%\(\w+\)[sd]|%%|%[sd]|\{\{.*?\}\}|</?\w+>|https?://\S+')
# With what stands in the place of markup.
CODE = re.compile(r'(?s)<code>.*?</code>|' + PLACEHOLDER.pattern)
# A script's own: %%s in a template's message.
NUMBER_AND_UNIT = re.compile(
    r'(?:\d|%\(\w+\)[sd]|%[sd]) (?:с|мин|ч|дн|ГиБ|МиБ|секунд)(?!\w)')
MODULES = (horizon, openstack_auth, openstack_dashboard)


def messages(path):
    return [message for message in catalogues.read(path) if message.id]


def keys(found):
    return {(message.context, message.id) for message in found if message.id}


def sources(message):
    return message.id if message.pluralizable else (message.id,)


def placeholders(text):
    return collections.Counter(PLACEHOLDER.findall(text))


def wanted(message):
    """Return the placeholders of a message; a number is in the plural."""
    return placeholders(sources(message)[-1])


@each_catalogue
def test_each_message_of_the_sources_is_there_and_no_other(path):
    assert keys(catalogues.read(path)) == keys(
        catalogues.messages(path.stem))


@each_catalogue
def test_nothing_is_left_untranslated_or_guessed(path):
    assert [message.id for message
            in catalogues.lacking(catalogues.read(path))] == []


@each_catalogue
def test_each_form_has_the_placeholders_and_the_markup(path):
    assert [(message.id, text) for message in messages(path)
            for text in catalogues.forms(message)
            if placeholders(text) != wanted(message)] == []


@each_catalogue
def test_babel_finds_nothing_wrong(path):
    """Of a plural it knows the singular alone, which may name no number."""
    assert [(message.id, [str(error) for error in errors])
            for message, errors in catalogues.read(path).check()
            if not message.pluralizable] == []


@each_catalogue
def test_each_number_has_its_form(path):
    translated = catalogues.read(path)

    assert [message.id for message in messages(path)
            if message.pluralizable
            and len(message.string) != translated.num_plurals] == []


@each_catalogue
def test_what_is_compiled_is_what_is_written(path):
    with path.with_suffix('.mo').open('rb') as compiled:
        read = gettext.GNUTranslations(compiled)

    assert {key: text for key, text in read._catalog.items() if key} == {
        key: text for message in messages(path)
        for key, text in _compiled(message)}


def _compiled(message):
    """Return a message as the compiled catalogue has it."""
    key = sources(message)[0]
    if message.context:
        key = f'{message.context}\x04{key}'
    if not message.pluralizable:
        return [(key, message.string)]
    return [((key, number), text)
            for number, text in enumerate(message.string)]


# What older series of Horizon say wrong, and the newest as we do.
CORRECTED = {('Snapshots', 'Снимок')}


@each_catalogue
def test_horizons_own_words_stay_horizons(path):
    """Ours come before Horizon's: the same message must say the same."""
    language = catalogues.language(path)
    theirs = [module_catalogue for module in MODULES
              for module_catalogue in _of(module, language, path.stem)]

    assert [(message.id, message.string, own.string)
            for message in messages(path) for other in theirs
            for own in [other.get(sources(message)[0], message.context)]
            if own and own.string and own.string != message.string
            and (message.id, own.string) not in CORRECTED] == []


def _of(module, language, domain):
    found = (pathlib.Path(module.__file__).parent / 'locale' / language
             / 'LC_MESSAGES' / f'{domain}.po')
    if not found.exists():
        return []
    with found.open('rb') as source:
        return [pofile.read_po(source, locale=language)]


RUSSIAN = [path for path in PATHS if catalogues.language(path) == 'ru']


@pytest.mark.parametrize('path', RUSSIAN, ids=lambda path: path.stem)
def test_russian_is_written_as_russian(path):
    texts = [text for message in messages(path)
             for text in catalogues.forms(message)]

    assert [text for text in texts if re.search('[“”„]|"|\\.\\.\\.(?!\\))',
                                                text)] == []
    assert [text for text in texts if NUMBER_AND_UNIT.search(text)] == []
    # No line begins with a dash.
    assert [text for text in texts if ' —' in text] == []
    # A Latin letter in a Russian word looks right and is not found.
    assert [text for text in texts
            if re.search('[а-яё][a-z]|[a-z][а-яё]', text, re.I)] == []


@pytest.mark.parametrize('path', RUSSIAN, ids=lambda path: path.stem)
def test_russian_has_no_english_word_but_names_and_what_is_typed(path):
    assert {text: found for message in messages(path)
            for text in catalogues.forms(message)
            for found in [latin.english(CODE.sub(' ', text))]
            if found} == {}


@pytest.mark.parametrize('text, words', [
    ('Снимок ready', ['ready']), ('(Open the log…)', ['Open', 'log', 'the']),
    ('Свойство os_type образа debian-12, QEMU', [])])
def test_an_english_word_in_russian_is_found(text, words):
    assert latin.english(text) == words


@pytest.mark.parametrize('path', RUSSIAN, ids=lambda path: path.stem)
def test_only_names_are_the_same_in_russian(path):
    """What has letters in Russian too; names of systems have none."""
    names = 'snapshot_panel/ui/systems.py'

    assert [message.id for message in messages(path)
            if names not in [place for place, _line in message.locations]
            for text in catalogues.forms(message)
            if re.search('[a-z]{2}', PLACEHOLDER.sub('', sources(message)[0]))
            and not re.search('[а-яё]', text)] == [
                'hw_qemu_guest_agent: %(booted)s.'] * (path.stem == 'django')


@pytest.mark.parametrize(('language', 'word'), [
    ('ru', 'Не доказан'), ('en', 'Unproven')])
def test_pages_speak_the_language_of_their_reader(language, word):
    with translation.override(language):
        assert str(words.VERDICTS[words.Verdict.UNPROVEN].word) == word


@pytest.mark.parametrize(('count', 'days'), [
    (1, '1 день'), (2, '2 дня'), (5, '5 дней'), (21, '21 день')])
def test_russian_counts_in_three_forms(count, days):
    with translation.override('ru'):
        assert str(words.DAYS % {'count': count}) == days


def test_a_fraction_has_the_languages_point():
    with translation.override('ru'):
        assert words.fill('%(stall)s', {'stall': 0.31}) == '0,31'


def test_horizons_scripts_get_our_words_too():
    # As Django of the oldest series takes a header too.
    client = test.Client(HTTP_ACCEPT_LANGUAGE='ru')

    # A request leaves its language behind in the thread.
    with translation.override('en'):
        answer = client.get(reverse('horizon:jsi18n', args=[
            context_processors.get_js_catalog(settings)]))

    assert (r'\u041d\u0435 \u0434\u043e\u043a\u0430\u0437\u0430\u043d'
            in answer.content.decode())


def test_no_template_holds_words_that_cannot_be_translated():
    """What is left of a template without its tags and what is typed."""
    found = {}
    for path in sorted((catalogues.ROOT / 'templates').rglob('*.html')):
        left = re.sub(
            r'(?s)\{% (comment|blocktrans).*?%\}.*?\{% end\1 %\}'
            r'|\{% block (body_id|form_attrs) %\}.*?\{% endblock %\}'
            r'|<code.*?</code>|\{[%{#].*?[%}#]\}|<[^>]*>|&\w+;', ' ',
            path.read_text())
        if re.search(r'[A-Za-z]{2}', left):
            found[path.name] = left.split()

    assert found == {}


def test_a_new_message_is_found_and_a_gone_one_goes(tmp_path):
    path = tmp_path / 'ru' / 'LC_MESSAGES' / 'djangojs.po'
    path.parent.mkdir(parents=True)
    old = catalog.Catalog(locale='ru')
    old.add('Unproven', 'Не доказан')
    old.add('Gone', 'Ушло')
    with path.open('wb') as target:
        pofile.write_po(target, old)

    with mock.patch.object(catalogues, 'LOCALE', tmp_path):
        lacking = catalogues.lacking(catalogues.renew(path))

    now = catalogues.read(path)
    assert 'Discarded' in [message.id for message in lacking]
    assert now.get('Unproven').string == 'Не доказан'
    assert now.get('Gone') is None
    assert path.with_suffix('.mo').exists()
