/* SPDX-License-Identifier: Apache-2.0 */

/* Show when the guest reports.
 *
 * Looking is a GET every few seconds, for some minutes, while somebody sees
 * the page. How long ago the guest spoke is measured by this browser's clock
 * alone, from the moment when its last word changed.
 */
(function () {
  'use strict';

  var status = document.getElementById('snapshot-panel-status');
  if (!status) {
    return;
  }

  var panel = window.snapshotPanel;
  var ago = document.getElementById('snapshot-panel-ago');
  var trouble = document.getElementById('snapshot-panel-trouble');
  var over = document.getElementById('snapshot-panel-over');
  var last = status.dataset.last;
  var reported = null;
  var again = true;
  var looks = 0;

  function show(answer) {
    if (answer.problem) {
      return;
    }
    panel.showPart(status, answer.html);
    if (answer.last && answer.last !== last) {
      reported = Date.now();
    }
    last = answer.last || last;
    status.dataset.last = last;
    again = answer.again;
    tick();
  }

  function tick() {
    ago.hidden = reported === null;
    if (reported !== null) {
      ago.textContent = status.dataset.ago.replace(
        '%s', Math.round((Date.now() - reported) / 1000));
    }
  }

  function look() {
    if (document.hidden) {
      return Promise.resolve();
    }
    looks += 1;
    return panel.ask(status, show, {}).then(function () {
      panel.say(trouble, '');
    });
  }

  function more() {
    var going = again && looks < status.dataset.looks;
    over.hidden = going;
    return going;
  }

  function carryOn() {
    panel.follow(status, trouble, look, more);
  }

  over.querySelector('button').addEventListener('click', function () {
    looks = 0;
    over.hidden = true;
    carryOn();
  });
  window.setInterval(tick, 1000);
  if (status.dataset.again) {
    window.setTimeout(carryOn, 1000 * status.dataset.interval);
  }
}());
