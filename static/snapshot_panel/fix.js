/* SPDX-License-Identifier: Apache-2.0 */

/* Follow the steps that make an instance ready.
 *
 * Nothing is decided here: the script asks for the steps and shows them.
 * While a service is at work it asks often, and with a POST, which settles;
 * while it is the guest's turn it looks seldom.
 */
(function () {
  'use strict';

  var watch = document.getElementById('snapshot-panel-watch');
  var news = document.getElementById('snapshot-panel-news');
  var steps = document.getElementById('snapshot-panel-fix');
  var form = document.getElementById('snapshot-panel-do');
  if (!watch) {
    return;
  }

  var panel = window.snapshotPanel;
  var moving = Boolean(watch.dataset.moving);
  var waiting = Boolean(watch.dataset.waiting);
  var following = false;
  var now = '';

  function show(answer) {
    if (answer.html) {
      panel.showPart(steps, answer.html);
      moving = answer.moving;
      waiting = answer.waiting;
    }
  }

  function look() {
    return panel.ask(watch, show, {
      method: moving && watch.dataset.maySettle ? 'POST' : 'GET'
    }).then(function (answer) {
      var open = answer.now.join(', ');
      panel.say(news, open && now && open !== now
        ? watch.dataset.now + ' ' + open : '');
      now = open;
    });
  }

  function follow() {
    if (following) {
      return;
    }
    following = true;
    panel.follow(watch, news, look, function (failures) {
      following = Boolean(failures || moving);
      return following;
    });
  }

  // A second click would ask for a second instance.
  form.addEventListener('submit', function (event) {
    if (form.dataset.sent) {
      event.preventDefault();
    }
    form.dataset.sent = 'true';
  });
  // Back from another page: this one was kept as it was.
  window.addEventListener('pageshow', function () {
    delete form.dataset.sent;
  });
  panel.guard(watch);
  if (moving) {
    follow();
  }
  panel.seldom(function () {
    if (waiting && !document.hidden) {
      follow();
    }
  });
}());
