/* SPDX-License-Identifier: Apache-2.0 */

/* Follow a snapshot on the page of its instance.
 *
 * Nothing is decided here: the script asks for parts of the page and shows
 * them. Looking is a GET; who may settle asks to settle with a POST.
 */
(function () {
  'use strict';

  var watch = document.getElementById('snapshot-panel-watch');
  var news = document.getElementById('snapshot-panel-news');
  var body = document.querySelector('#history tbody');
  if (!watch || !body) {
    return;
  }

  var panel = window.snapshotPanel;
  var shown = {};
  var unsettled = Boolean(watch.dataset.unsettled);
  // A stop for a snapshot waits until the instance can be changed.
  var held = Boolean(watch.dataset.held);
  var behind = false;
  var steps = document.getElementById('snapshot-panel-steps');
  var title = document.title;
  var running = steps.open;
  // Everything was asked for, not only what is in view.
  var all = false;

  function showParts(parts) {
    Object.keys(parts).forEach(function (name) {
      panel.showPart(document.getElementById('snapshot-panel-' + name),
        parts[name]);
    });
  }

  function showRow(row, old) {
    var id = row.dataset.objectId;
    var html = row.outerHTML;
    if (shown[id] !== html) {
      if (panel.replaceRow(old, row)) {
        shown[id] = html;
      } else {
        behind = true;
      }
    }
  }

  function showRows(rows) {
    var wanted = rows.map(function (row) { return row.dataset.objectId; });
    Array.from(body.children).forEach(function (old) {
      // The row that says there are none has no id.
      if (rows.length && wanted.indexOf(old.dataset.objectId) < 0) {
        old.remove();
      }
    });
    rows.forEach(function (row, position) {
      var old = Array.from(body.children).find(function (each) {
        return each.dataset.objectId === wanted[position];
      });
      if (old) {
        showRow(row, old);
      } else {
        panel.addRow(body, row, position);
      }
    });
  }

  // Two can be compared, no more and no less.
  function count() {
    var button = document.querySelector(
      '#history .table_actions button[value$=compare]');
    if (button) {
      var two = body.querySelectorAll(
        '.table-row-multi-select:checked').length === 2;
      button.classList.toggle('disabled', !two);
      button.setAttribute('aria-disabled', String(!two));
    }
  }

  // The buttons are those of the snapshots that there are.
  function showActions(html) {
    var holder = document.createElement('div');
    holder.innerHTML = html;
    panel.showPart(document.querySelector('#history .table_actions'),
      holder.querySelector('.table_actions').innerHTML);
    window.horizon.datatables.validate_button();
    count();
  }

  function show(answer) {
    if (!answer.parts) {
      return;
    }
    behind = false;
    showParts(answer.parts);
    // Without the image service nothing is known about them.
    if (answer.rows !== null) {
      showRows(panel.readRows(answer.rows));
      showActions(answer.actions);
    }
    all = all && answer.unread > 0;
    unsettled = answer.unsettled || all;
    held = answer.held;
  }

  function look() {
    return panel.ask(watch, show, {
      method: unsettled && watch.dataset.maySettle ? 'POST' : 'GET',
      // Which page of the history is shown is in the address of this page.
      query: window.location.search,
      body: all ? new URLSearchParams({all: 1}) : undefined
    }).then(tell);
  }

  // What came of a snapshot is said here, and in the title of the tab.
  function tell(answer) {
    var over = running && !answer.now.length;
    if (answer.now.length && !running) {
      steps.open = true;
    }
    running = answer.now.length > 0;
    if (running) {
      panel.say(news, watch.dataset.now + ' ' + answer.now.join(', '));
    } else if (over && answer.told) {
      panel.say(news, answer.told);
      document.title = answer.told + ' – ' + title;
    } else if (news.textContent !== answer.told) {
      panel.say(news, '');
    }
  }

  var following = false;

  function follow() {
    if (following) {
      return;
    }
    following = true;
    panel.follow(watch, news, look, function (failures) {
      following = Boolean(failures || unsettled || behind);
      return following;
    });
  }

  // A second click would ask for a second snapshot.
  document.getElementById('snapshot-panel-take').addEventListener(
    'submit', function (event) {
      if (event.target.dataset.sent) {
        event.preventDefault();
      }
      event.target.dataset.sent = 'true';
    });
  // Back from another page: this one was kept as it was.
  window.addEventListener('pageshow', function () {
    delete document.getElementById('snapshot-panel-take').dataset.sent;
  });
  document.addEventListener('change', count);
  document.addEventListener('click', function (event) {
    if (event.target.closest('[data-judge-all]')) {
      all = unsettled = true;
      follow();
    }
  });

  // Horizon's own script enables the buttons once the page has come.
  window.addEventListener('load', count);
  count();
  panel.guard(watch);
  if (unsettled) {
    follow();
  }
  panel.seldom(function () {
    if (held) {
      follow();
    }
  });
}());
