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

"""The catalogues of messages: found in the sources, renewed, compiled.

``python -m tests.catalogues`` renews those of each language in
``snapshot_panel/locale/``: what is new in the sources comes in, what is gone
goes, and what is left to translate is listed.

Django's makemessages finds nothing through the links
``snapshot_panel/templates`` and ``snapshot_panel/static``, and wants GNU
gettext; django-babel knows no Django of today. Babel reads Python and
JavaScript by itself; for templates it gets what Django makes of them.
"""

from collections.abc import Iterator
import io
import pathlib
import sys
import typing

from babel.messages import catalog
from babel.messages import extract
from babel.messages import mofile
from babel.messages import pofile
from django.utils.translation import template

ROOT = pathlib.Path(__file__).parents[1]
LOCALE = ROOT / 'snapshot_panel' / 'locale'
DOMAINS = ('django', 'djangojs')
KEYWORDS = {
    **extract.DEFAULT_KEYWORDS,
    'gettext_lazy': None, 'gettext_noop': None,
    'ngettext_lazy': (1, 2),
    'pgettext_lazy': ((1, 'c'), 2),
    'npgettext_lazy': ((1, 'c'), 2, 3)}
# What a translator reads above a message begins so.
COMMENTS = ('Translators:',)


def extract_template(fileobj: typing.BinaryIO, keywords: typing.Any,
                     comment_tags: typing.Any, options: typing.Any
                     ) -> Iterator[typing.Any]:
    """Find the messages of a Django template, as Babel's methods do."""
    source = template.templatize(fileobj.read().decode())
    # What is not a message has no meaning any more, its indentation neither.
    flat = '\n'.join(line.lstrip() for line in source.split('\n')) + '\n'
    return extract.extract_python(io.BytesIO(flat.encode()), keywords,
                                  comment_tags, options)


# By domain: the folder, the files in it, and how they are read.
SOURCES: dict[str, list[tuple[str, str, typing.Any]]] = {
    'django': [('snapshot_panel', '*.py', 'python'),
               ('templates', '*.html', extract_template)],
    'djangojs': [('static', '*.js', 'javascript')]}


def messages(domain: str) -> catalog.Catalog:
    """Return a catalogue of what the sources say, with no translation."""
    found = catalog.Catalog(project='snapshot-panel', domain=domain,
                            fuzzy=False)
    for folder, pattern, method in SOURCES[domain]:
        for path in sorted((ROOT / folder).rglob(pattern)):
            with path.open('rb') as source:
                for _line, message, comments, context in extract.extract(
                        method, source, KEYWORDS, COMMENTS):
                    # No lines: each change of the code would change them.
                    found.add(message, auto_comments=comments,
                              context=context, locations=[
                                  (path.relative_to(ROOT).as_posix(), None)])
    return found


def paths(domain: str) -> list[pathlib.Path]:
    """Return the catalogues of a domain, one for each language."""
    return sorted(LOCALE.glob(f'*/LC_MESSAGES/{domain}.po'))


def language(path: pathlib.Path) -> str:
    """Return the language of a catalogue."""
    return path.parents[1].name


def read(path: pathlib.Path) -> catalog.Catalog:
    """Return a catalogue as it was translated."""
    with path.open('rb') as source:
        return pofile.read_po(source, locale=language(path))


def compiled(translated: catalog.Catalog) -> bytes:
    """Return what Django reads of a catalogue."""
    target = io.BytesIO()
    mofile.write_mo(target, translated)
    return target.getvalue()


def renew(path: pathlib.Path) -> catalog.Catalog:
    """Bring one catalogue up to the sources, and compile it."""
    translated = read(path)
    # A guess of a similar sentence would be taken for its translation.
    translated.update(messages(path.stem), no_fuzzy_matching=True,
                      update_creation_date=False)
    translated.obsolete.clear()
    with path.open('wb') as target:
        pofile.write_po(target, translated, width=79, sort_by_file=True)
    path.with_suffix('.mo').write_bytes(compiled(translated))
    return translated


def forms(message: catalog.Message) -> tuple[str, ...]:
    """Return the translation of a message: one, or one for each number."""
    return (message.string if isinstance(message.string, tuple)
            else (message.string,))


def lacking(translated: catalog.Catalog) -> list[catalog.Message]:
    """Return the messages without a whole translation."""
    return [message for message in translated if message.id and (
        message.fuzzy or not all(forms(message)))]


def main() -> int:
    """Renew all catalogues; say what is left to translate."""
    left = 0
    for domain in DOMAINS:
        for path in paths(domain):
            missing = lacking(renew(path))
            left += len(missing)
            print(f'{path.relative_to(ROOT)}: {len(missing)} to translate')
            for message in missing:
                print('   ', message.id)
    return int(left > 0)


if __name__ == '__main__':
    sys.exit(main())
