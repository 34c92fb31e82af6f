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

"""Judging whole projects: everything once, whatever happens meanwhile."""

import collections
import contextlib
import dataclasses
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from unittest import mock
import urllib.parse
import uuid

from glanceclient import exc as glance_exceptions
from novaclient import exceptions as nova_exceptions
from novaclient.v2 import servers
import pytest

from snapshot_panel.cloud import accounts
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import guests
from snapshot_panel.cloud import judge
from snapshot_panel.cloud import marks
from snapshot_panel.cloud import missed
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import snapshots
from snapshot_panel import conf
from snapshot_panel.consistency import checklist
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import schedules
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from tests import images
from tests.unit import builders
from tests.unit.cloud import answers
from tests.unit import fakes
from tests.unit import operations

DISK = images.ext4_image()
AT_REST = ('filesystem-consistent', 'disk-at-rest')
DOWN = errors.Unavailable('Nova', 'down')

pytestmark = pytest.mark.usefixtures('now')


class Died(BaseException):
    """The process is gone."""


def _in_another_process(name, folder):
    """Return whether another process could hold the lock of that name."""
    script = ('import tempfile; tempfile.tempdir = %r\n'
              'import django; django.setup()\n'
              'from snapshot_panel.cloud import judge\n'
              'with judge._alone(%r) as alone: print(alone)' % (folder, name))
    return subprocess.run([sys.executable, '-c', script], check=True,
                          capture_output=True, text=True).stdout.strip()


class Account:
    """An account that is let in, for the project of the builders."""

    cloud, address = 'demo', 'https://keystone.test'

    def __init__(self, session):
        self.answer, self.renewed = session, 0

    def session(self):
        return self.answer

    def project(self):
        return accounts.Project('project', 'web')

    def renew(self):
        self.renewed += 1

    def projects(self):
        return [accounts.Project('a-id', 'a'), accounts.Project('b-id', 'b')]

    def scoped(self, project):
        return 'as ' + project.name


class Store:
    """Glance with some images, each with the same disk.

    ``die`` kills the process at its n-th request; ``unreadable`` are ids of
    images whose data cannot be had now.
    """

    def __init__(self, client, *held):
        self.images = {image.id: answers.glance_image(image)
                       for image in held}
        self.lists, self.reads, self.count, self.die = 0, [], 0, None
        self.unreadable, self.lock = (), threading.Lock()
        self.data = fakes.Data(DISK)
        client.http_client.get.side_effect = self.get
        client.http_client.patch.side_effect = self.patch
        client.data = self.open

    def live(self):
        with self.lock:
            self.count += 1
            if self.count == self.die:
                raise Died()

    def get(self, url):
        self.live()
        path, _, query = url.partition('?')
        if path != '/v2/images':
            image_id = path.rpartition('/')[2]
            if image_id not in self.images:
                raise glance_exceptions.HTTPNotFound()
            return None, dict(self.images[image_id])
        options = dict(urllib.parse.parse_qsl(query))
        if 'id' in options:
            wanted = options['id'].removeprefix('in:').split(',')
            return None, {'images': [
                dict(self.images[each]) for each in wanted
                if each in self.images]}
        self.lists += 1
        return None, self._page(options)

    def _page(self, options):
        found = [image for image in self.images.values() if all(
            image[name] == options.get(name, image[name])
            for name in ('image_type', 'instance_uuid'))]
        first = int(options.get('marker', 0))
        end = first + int(options['limit'])
        page = {'images': [dict(image) for image in found[first:end]]}
        if found[first:] and end <= len(found):
            page['next'] = '/v2/images?' + urllib.parse.urlencode(
                {**options, 'marker': end})
        return page

    def patch(self, url, headers=None, data=None):
        self.live()
        for each in json.loads(data):
            self.images[url.rpartition('/')[2]][each['path'][1:]] = (
                each['value'])

    def open(self, session, image_id, part=None):
        self.live()
        self.reads.append(image_id)
        if image_id in self.unreadable:
            raise glance_exceptions.HTTPServiceUnavailable()
        return self.data(session, image_id, part)

    def seals(self):
        return {image_id: (image.get(records.VERDICT),
                           image.get(records.RULE))
                for image_id, image in self.images.items()}


def unread(number, **changes):
    """Return a snapshot that nobody has judged."""
    return builders.image(id=str(uuid.UUID(int=number + 1)), size=len(DISK),
                          **changes)


@pytest.fixture(autouse=True)
def own_locks(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))


@pytest.fixture
def account(user_request):
    return Account(user_request)


@pytest.fixture
def hold(nova_client, glance_client):
    """Let Glance hold these images: ``hold(image, ...)``."""
    with contextlib.ExitStack() as stack:
        def held(*images):
            store = Store(glance_client, *images)
            stack.enter_context(mock.patch(
                'snapshot_panel.cloud.glance.open_data',
                side_effect=store.open))
            return store
        yield held


def test_the_disk_of_what_nobody_took_here_is_read_and_sealed(account, hold):
    store = hold(unread(0), unread(1))

    report = judge.judge(account)

    assert set(store.seals().values()) == {AT_REST}
    assert (report.sealed, report.problems, report.busy) == (2, (), False)
    assert report.verdicts[verdict.Verdict.FILESYSTEM] == 2


def test_what_has_its_verdict_costs_one_look(account, hold):
    store = hold(unread(0), unread(1))
    judge.judge(account)
    store.reads.clear()
    before = store.count

    report = judge.judge(account)

    assert (report.sealed, store.reads) == (0, [])
    assert store.count - before == len(facts.SNAPSHOT_TYPES)


def test_one_disk_that_cannot_be_read_spoils_no_other(account, hold):
    store = hold(*map(unread, range(9)))
    store.unreadable = {unread(0).id, unread(5).id}

    report = judge.judge(account)

    assert {image_id for image_id, seal in store.seals().items()
            if seal != AT_REST} == store.unreadable
    assert report.sealed == 7
    assert [problem.service for problem in report.problems] == ['Glance']
    assert report.verdicts[verdict.Verdict.PENDING] == 2


def test_who_may_not_read_disks_is_not_told_so_for_each(account, hold):
    store = hold(*map(unread, range(40)))
    store.data = fakes.Data()

    report = judge.judge(account)

    assert len(store.reads) == conf.get_config()['disks_at_once']
    problem, = report.problems
    assert 'download_image' in problem.reason


GONE = {'instance_uuid': builders.VOLUMES[0]}


@pytest.fixture
def gone(nova_client):
    """Let Nova know no other instance than the one that it lists."""
    def get(instance_id):
        if instance_id != builders.INSTANCE:
            raise nova_exceptions.NotFound(404)
        return answers.server()

    nova_client.servers.get.side_effect = get


@pytest.mark.usefixtures('gone')
def test_the_snapshots_of_deleted_instances_are_judged_once(account, hold):
    store = hold(unread(0), unread(1, properties=GONE),
                 builders.asked(size=len(DISK), properties=GONE))

    first = judge.judge(account)
    reads = list(store.reads)
    second = judge.judge(account)

    assert set(store.seals().values()) == {AT_REST}
    assert (first.sealed, second.sealed) == (3, 0)
    assert first.strays == second.strays == (
        verdict.Verdict.FILESYSTEM, verdict.Verdict.FILESYSTEM)
    assert first.problems == second.problems == ()
    assert store.reads == reads


def test_one_whose_instance_is_there_after_all_is_left_alone(
        account, hold, nova_client):
    store = hold(unread(0, properties=GONE))

    report = judge.judge(account)

    assert store.reads == []
    assert report.strays == (verdict.Verdict.PENDING,)
    assert report.problems == ()


@pytest.mark.usefixtures('gone')
def test_who_may_not_read_disks_of_deleted_instances_is_told_once(account,
                                                                  hold):
    store = hold(*[unread(number, properties=GONE) for number in range(40)])
    store.data = fakes.Data()

    report = judge.judge(account)

    assert len(store.reads) <= conf.get_config()['guests_at_once']
    problem, = report.problems
    assert 'download_image' in problem.reason
    assert set(report.strays) == {verdict.Verdict.PENDING}


@pytest.mark.usefixtures('gone')
def test_a_store_that_is_down_is_not_asked_for_each(account, hold):
    store = hold(*[unread(number, properties=GONE) for number in range(40)])
    store.unreadable = store.images

    report = judge.judge(account)

    assert len(store.reads) < 20
    assert report.problems


def _asked_for_one_disk():
    data = fakes.Data(DISK)
    disk.read_disk(lambda offset, length: data(
        None, None, 'bytes=%d-%d' % (offset, offset + length - 1)).body,
        len(DISK))
    return data.asked


def test_what_a_proven_snapshot_replaces_is_deleted(account, hold, nova_client,
                                                    glance_client):
    # No instance runs from it.
    nova_client.servers.list.side_effect = lambda search_opts=None, **_rest: (
        [] if 'image' in (search_opts or {}) else [answers.server()])
    older, others = builders.aged(500), builders.aged(900)
    hold(older, others, builders.sealed(properties={
        records.REPLACES: older.id, records.REPLACED: 'none'}))

    report = judge.judge(account)

    assert report.problems == ()
    glance_client.images.delete.assert_called_once_with(older.id)
    assert sum(report.verdicts.values()) == 2


def _nightly(age):
    moment = '20261122T%06dZ' % age
    return dataclasses.replace(builders.aged(age, properties={
        schedules.MARK: schedules.mark(builders.INSTANCE, moment),
        records.STATE: 'none'}), name='web-' + moment)


@pytest.fixture
def nightly(nova_client, hold):
    """An instance that keeps two of its nightly snapshots, and has five."""
    server = answers.server(metadata={
        schedules.KEY: 'daily 3 2 2026-11-20T00:00:00Z'})
    nova_client.servers.get.side_effect = lambda _id: server
    nova_client.servers.list.side_effect = lambda search_opts=None, **_rest: (
        [] if 'image' in (search_opts or {}) else [server])
    return hold(*map(_nightly, range(100, 105)))


def test_a_schedule_keeps_as_many_as_it_says(account, nightly, glance_client):
    report = judge.judge(account)

    assert report.problems == ()
    assert [call.args[0] for call in
            glance_client.images.delete.call_args_list] == [
                _nightly(age).id for age in (104, 103, 102)]
    assert [each.gone for each in report.rotated] == [True] * 3
    assert sum(report.verdicts.values()) == 2


@pytest.mark.parametrize('dry', [False, True])
def test_what_a_schedule_missed_is_taken_and_told(account, everything, dry):
    good, bad, other = [builders.instance(
        id=str(uuid.UUID(int=number)), metadata=metadata)
        for number, metadata in enumerate([
            {schedules.KEY: 'daily 3 2 2026-11-20T00:00:00Z'},
            {schedules.KEY: 'daily 3 2 2026-11-20T00:00:00Z'}, {}])]
    everything.return_value = [good, bad, other], []
    with mock.patch.object(missed, 'take', autospec=True, side_effect=(
            lambda _session, instance: _or_down(instance.id == bad.id))
            ) as take:
        report = judge.judge(account, dry=dry)

    if dry:
        assert not take.called and report.made_up == ()
    else:
        assert [(instance.id, name) for instance, name in report.made_up] == [
            (good.id, 'web-night')]
        assert [each.instance_id for each in report.problems] == [bad.id]


def _or_down(down):
    if down:
        raise DOWN
    return 'web-night'


def test_a_dry_round_writes_nothing(account, nightly, glance_client,
                                    nova_client):
    nightly.images.update((each.id, answers.glance_image(each))
                          for each in [unread(7)])
    before = nightly.seals()

    report = judge.judge(account, keep=1, dry=True)

    assert (nightly.seals(), nightly.reads) == (before, [])
    assert not glance_client.images.delete.called
    assert not glance_client.http_client.patch.called
    assert not nova_client.servers.set_meta_item.called
    assert len(report.rotated) == 4
    assert marks.last(account.session()) is None


class Pages:
    """What Nova answers to lists, a thousand at the most."""

    def __init__(self, number):
        self.servers = [{
            **answers.server(id=str(uuid.UUID(int=each))).to_dict(),
            'name': 'web-%d' % each, 'metadata': {
                schedules.KEY: 'daily 3 1 2026-11-20T00:00:00Z'}}
            for each in range(number)]
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        query = dict(urllib.parse.parse_qsl(url.partition('?')[2]))
        first = 0
        if 'marker' in query:
            first = 1 + [server['id'] for server in self.servers].index(
                query['marker'])
        return mock.Mock(headers={}), {
            'servers': self.servers[first:first + 1000]}


def test_a_large_project_costs_a_list_for_each_thousand(
        account, hold, nova_client):
    pages = Pages(1000)
    nova_client.servers = servers.ServerManager(mock.Mock(client=pages))
    new = [unread(number, properties={
        'instance_uuid': pages.servers[number * 40]['id']})
        for number in range(25)]
    sealed = [builders.aged(100 + number, properties={
        'instance_uuid': pages.servers[number % 1000]['id']})
        for number in range(9975)]
    store = hold(*new, *sealed)

    report = judge.judge(account)

    # One for each thousand, and one that finds no more.
    assert len(pages.asked) == 1 + 1
    assert store.lists == 10 + 1 + 1
    once = collections.Counter(store.reads)
    assert set(once) == {image.id for image in new}
    # As many requests as one reading of this disk takes.
    assert set(once.values()) == {len(_asked_for_one_disk())}
    assert (report.sealed, len(report.judged), report.strays) == (
        25, 1000, ())
    # Nothing else is asked of a service for what is sealed.
    seal = store.count - store.lists - len(store.reads)
    assert seal == 3 * len(new)
    assert not nova_client.instance_action.list.called


def _round(size, account):
    instances = [builders.instance(id=str(uuid.UUID(int=number)))
                 for number in range(size)]
    held = [builders.aged(100 + number, properties={
        'instance_uuid': str(uuid.UUID(int=number % size))})
        for number in range(5 * size)]

    def run():
        with mock.patch.object(snapshots, 'everything', autospec=True,
                               return_value=(instances, held)):
            assert judge.judge(account).problems == ()

    return run


def test_twice_the_project_costs_at_most_twice(account):
    _round(1, account)()

    once = operations.count(_round(20, account))

    assert operations.count(_round(40, account)) <= 2.4 * once


def test_two_judges_at_once_do_no_harm(account, hold, tmp_path):
    store = hold(*map(unread, range(12)))
    reports = []

    # Patched once for both: the lock is what must not be needed.
    with mock.patch.object(judge, '_alone', autospec=True) as alone:
        alone.return_value.__enter__.return_value = True
        threads = [threading.Thread(target=lambda: reports.append(
            judge.judge(account))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert set(store.seals().values()) == {AT_REST}
    assert [report.problems for report in reports] == [(), ()]


def test_the_second_of_two_judges_leaves_the_project_to_the_first(
        account, hold):
    store = hold(unread(0))
    with judge._alone('https://keystone.testproject') as alone:
        answer = _in_another_process(
            'https://keystone.testproject', tempfile.gettempdir())

    assert alone
    assert answer == 'False'
    assert judge.judge(account).sealed == 1
    assert store.reads


def test_what_another_judge_is_at_is_said(account, hold):
    store = hold(unread(0))
    with mock.patch.object(judge, '_alone', autospec=True) as alone:
        alone.return_value.__enter__.return_value = False

        report = judge.judge(account)

    assert (report.busy, report.problems, store.count) == (True, (), 0)


@pytest.mark.parametrize('moment', range(1, 24))
def test_a_judge_that_dies_at_any_moment_loses_nothing(moment, account, hold):
    store = hold(*map(unread, range(3)))
    store.die = moment
    try:
        judge.judge(account)
    except Died:
        pass
    store.die = None

    report = judge.judge(account)

    assert set(store.seals().values()) == {AT_REST}
    assert report.problems == ()


@pytest.fixture
def everything():
    """What there is, without a service."""
    def one(_session, instance_id):
        instances, held = made.return_value
        return next((instance, [
            image for image in held if image.instance_id == instance_id])
            for instance in instances if instance.id == instance_id)

    with mock.patch.object(snapshots, 'everything', autospec=True,
                           return_value=([builders.instance()], [])) as made, \
            mock.patch.object(snapshots, 'one', autospec=True,
                              side_effect=one):
        yield made


@pytest.fixture
def carry_on():
    with mock.patch.object(
            restarting, 'carry_on', autospec=True,
            side_effect=lambda _session, instance, images, unread: (
                instance, images)) as made:
        yield made


def stopped(**changes):
    """Return an instance that is shut off for its snapshot."""
    return builders.instance(metadata=builders.plan().metadata(), **changes)


@pytest.mark.parametrize('patience, looks', [(0, 1), (60, 3)])
def test_an_instance_that_is_shut_off_is_not_left_for_the_next_round(
        patience, looks, account, everything, carry_on):
    everything.return_value = [stopped()], []
    after = [(stopped(), []), (stopped(), []), (builders.instance(), [])]
    carry_on.side_effect = after
    with mock.patch.object(time, 'sleep', autospec=True):
        report = judge.judge(account, patience)

    assert carry_on.call_count == looks
    assert report.problems == ()


def test_who_waits_to_run_again_does_not_wait_for_disks(
        account, everything, carry_on):
    other = builders.instance(id=builders.COPIES[0])
    everything.return_value = [other, stopped()], [
        unread(0, properties={'instance_uuid': other.id})]

    judge.judge(account)

    assert [call.args[1].id for call in carry_on.call_args_list] == [
        builders.INSTANCE, other.id]


def test_an_instance_that_cannot_be_started_is_tried_once_a_round(
        account, everything, carry_on):
    everything.return_value = [stopped()], []
    carry_on.side_effect = errors.Forbidden('Nova', 'policy')
    with mock.patch.object(time, 'sleep', autospec=True) as sleep:
        report = judge.judge(account, 60)

    assert carry_on.call_count == len(report.problems) == 1
    assert not sleep.called


@pytest.mark.parametrize('listed, counted', [(2, 5), (3, 2)])
def test_snapshots_that_a_later_look_did_not_reach_are_counted(
        listed, counted, account, everything, carry_on, settings):
    settings.SNAPSHOT_PANEL = {'snapshots_listed': listed}
    held = [builders.aged(age) for age in range(5)]
    everything.return_value = [stopped()], held
    snapshots.one.side_effect = None
    snapshots.one.return_value = builders.instance(), held[:2]

    report = judge.judge(account)

    assert sum(report.verdicts.values()) == counted


def test_what_was_deleted_meanwhile_does_not_pass_for_discarded(
        account, hold, nova_client):
    listed = answers.server(metadata={
        builders.memory().key: builders.memory().value()})
    nova_client.servers.list.return_value = [listed]
    # By now the user has deleted the snapshot, and with it the memory.
    nova_client.servers.get.return_value = answers.server()
    hold()

    report = judge.judge(account)

    assert not nova_client.servers.set_meta.called
    assert report.verdicts[verdict.Verdict.DISCARDED] == 0
    assert report.problems == ()


def test_an_instance_that_was_deleted_meanwhile_is_no_failure(
        account, everything, carry_on):
    everything.return_value = several(1), []
    snapshots.one.side_effect = errors.NotFound('Nova', 'instance')

    report = judge.judge(account)

    assert report.problems == ()
    assert not carry_on.called


def test_a_token_that_is_refused_is_renewed_once(account, everything):
    refused = nova_exceptions.Unauthorized(401)
    everything.side_effect = [refused, ([builders.instance()], [])]

    report = judge.judge(account)

    assert (report.problems, account.renewed) == ((), 1)
    assert len(report.judged) == 1


def test_a_token_that_stays_refused_is_a_failure(account, everything):
    everything.side_effect = nova_exceptions.Unauthorized(401)

    report = judge.judge(account)

    assert [problem.service for problem in report.problems] == ['Keystone']
    assert report.judged is None


def test_who_is_not_let_in_is_reported(account):
    problem = errors.Unavailable('Keystone', 'HTTP 401')
    problem.said = 'The request you have made requires authentication.'
    with mock.patch.object(account, 'project', side_effect=problem):
        report = judge.judge(account)

    assert report.problems == (judge.Problem('Keystone', problem.said),)


def several(number):
    """Return instances with something left to do."""
    return [builders.remembering(builders.memory(),
                                 id=str(uuid.UUID(int=each)))
            for each in range(number)]


def test_a_bug_that_one_instance_brings_out_spoils_no_other(
        account, everything, carry_on, caplog):
    everything.return_value = several(5), []
    bad = everything.return_value[0][2].id

    def carry(_session, instance, images, _unread):
        if instance.id == bad:
            raise ZeroDivisionError('of ours')
        return instance, images

    carry_on.side_effect = carry
    with caplog.at_level(logging.CRITICAL):
        report = judge.judge(account)

    assert carry_on.call_count == 5
    assert [problem.instance_id for problem in report.problems] == [bad]
    assert len(report.judged) == 5


@pytest.mark.parametrize('kind', [errors.Unavailable, errors.TooMany])
def test_a_service_that_does_not_serve_is_not_asked_for_each(
        account, everything, carry_on, kind):
    everything.return_value = several(200), []
    carry_on.side_effect = kind('Nova', 'down')

    report = judge.judge(account)

    most = judge._FAILURES_IN_A_ROW + conf.get_config()['guests_at_once']
    assert carry_on.call_count <= most
    assert report.problems[-1].service == 'judge'


def test_a_round_leaves_a_mark_where_it_came_to_an_end(
        account, everything, carry_on):
    before = marks.last(account.session())
    everything.side_effect = DOWN
    judge.judge(account)
    failed = marks.last(account.session())
    everything.side_effect = None
    everything.return_value = several(200), []
    carry_on.side_effect = DOWN
    judge.judge(account)
    gave_up = marks.last(account.session())
    carry_on.side_effect = lambda _session, instance, images, _unread: (
        instance, images)

    judge.judge(account)

    assert [before, failed, gave_up] == [None] * 3
    assert marks.last(account.session()) == builders.NOW


@pytest.mark.parametrize('every', [None, 60])
def test_the_mark_tells_when_the_next_round_begins(
        account, everything, every):
    everything.return_value = [], []

    list(judge.judge_all([account], 1, 0, every=every))

    assert marks.visits(account.session()) == marks.Visits(
        (builders.NOW,), every)


def test_what_one_user_may_not_do_is_no_reason_to_give_up(
        account, everything, carry_on):
    everything.return_value = several(50), []
    carry_on.side_effect = errors.Forbidden('Nova', 'policy')

    report = judge.judge(account)

    assert carry_on.call_count == len(report.problems) == 50


def test_the_report_tells_what_there_is(account, everything, carry_on):
    gone = builders.memory(gone=builders.ago(5), cause='gone')
    instance = builders.remembering(gone)
    everything.return_value = [instance], [
        builders.aged(500), builders.aged(100, verdict.Rule.DISK_IN_USE),
        builders.aged(300), builders.aged(7, properties={
            'instance_uuid': builders.VOLUMES[0]})]

    report = judge.judge(account)

    judged, = report.judged
    assert judged.proven.at == builders.ago(300)
    assert report.verdicts == {
        **dict.fromkeys(verdict.Verdict, 0),
        verdict.Verdict.FILESYSTEM: 2, verdict.Verdict.CRASH: 1,
        verdict.Verdict.DISCARDED: 1}
    assert report.strays == (verdict.Verdict.FILESYSTEM,)
    assert judged.frozen is None


def frozen_console():
    console = builders.started()
    console.say('freeze', fs=1)
    return console.text


@pytest.mark.parametrize('console, frozen', [
    (frozen_console(), True), (builders.started().text, False)])
def test_guests_with_the_kit_are_asked_if_wanted(
        console, frozen, account, everything, carry_on):
    with_kit = builders.sealed(properties={
        records.BASELINE: str(builders.started().baseline)})
    everything.return_value = [
        builders.instance(), builders.instance(id=builders.COPIES[0])], [
            with_kit]
    heard = guests.Heard(checklist.Guest(True, console, builders.actions()),
                         builders.NOW)
    with mock.patch.object(guests, 'hear_guests', autospec=True,
                           return_value={builders.INSTANCE: heard}) as hear:
        unasked = judge.judge(account)
        asked = judge.judge(account, ask_guests=True)

    assert [each.frozen for each in unasked.judged] == [None, None]
    assert [each.frozen for each in asked.judged] == [frozen, None]
    (_session, instances), _ = hear.call_args
    assert [each.id for each in instances] == [builders.INSTANCE]
    assert hear.call_count == 1


def test_a_folder_that_others_can_write_to_holds_no_lock(
        account, everything, tmp_path):
    judge.judge(account)
    folder, = tmp_path.iterdir()
    folder.chmod(0o777)

    report = judge.judge(account)

    assert [problem.service for problem in report.problems] == ['judge']


def test_a_place_for_locks_that_is_none_is_named(account, everything,
                                                 monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'file'))

    report = judge.judge(account)

    assert [problem.service for problem in report.problems] == ['judge']
    assert report.judged is None


@pytest.mark.parametrize('names, every, chosen', [
    ([], False, None), (['b'], False, ['as b']), (['a-id'], False, ['as a']),
    ([], True, ['as a', 'as b'])])
def test_the_projects_are_those_that_were_named(names, every, chosen,
                                                account):
    found = judge.choose(account, names, every)

    assert found == (chosen or [account])


def test_a_project_that_nobody_knows_is_a_failure(account):
    report = judge.choose(account, ['b', 'c'], False)

    assert [problem.reason for problem in report.problems] == ['project c']


def test_every_project_is_reported(account, everything):
    other = Account(account.answer)
    other.cloud = 'other'

    reports = list(judge.judge_all([account, other], 2, 0))

    assert sorted(report.cloud for report in reports) == ['demo', 'other']


def test_what_refused_requests_left_behind_is_deleted(account, hold,
                                                      glance_client):
    age = builders.ago(7200)
    left = builders.asked(
        id=builders.COPIES[0], status='queued', size=None, created=age,
        updated=age, properties={
            records.IMAGE: 'none', records.ACTION: 'none',
            records.REQUESTED_AT: records.format_time(age)})
    store = hold(left)
    glance_client.images.delete.side_effect = store.images.pop

    first = judge.judge(account)
    second = judge.judge(account)

    glance_client.images.delete.assert_called_once_with(left.id)
    assert first.problems == second.problems == ()
