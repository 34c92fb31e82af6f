# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What a test looks for on the index."""

from playwright.sync_api import expect

from tests import clients


def row(page, name):
    """Return the row of the instance with that name."""
    return page.locator('#instances tbody tr').filter(
        has=page.get_by_role('link', name=name, exact=True))


def bring(row):
    """Bring a row into view: one that nobody sees is not asked for.

    Not Playwright's own way: the row may be replaced meanwhile.
    """
    row.evaluate('row => row.scrollIntoView({block: "nearest"})')


def shows(locator, text):
    """Wait until that text is there."""
    expect(locator).to_contain_text(text, timeout=clients.PATIENCE * 1000)


def said(page, text, level='success'):
    """Wait until Horizon says that text, at that level, above the page."""
    shows(page.locator('.alert-%s.alert-dismissable' % level), text)


def without_session(page, cloud, button):
    """Press a button when the session of the user demo is over; log in."""
    # An answer still on its way would bring the session back.
    page.wait_for_load_state('networkidle')
    page.context.clear_cookies(name='sessionid')
    button.click()
    page.fill('#id_username', 'demo')
    page.fill('#id_password', cloud.users['demo']['password'])
    page.press('#id_password', 'Enter')
