/* SPDX-License-Identifier: Apache-2.0 */

/* What our pages' scripts share: changing a page while somebody uses it. */
(function () {
  'use strict';

  // What can have the focus, with or without an id.
  var CONTROLS = 'a, button, input, summary, pre';

  // The HTML that was last shown, by element.
  var shown = new WeakMap();

  function folded(element) {
    return Array.from(element.querySelectorAll('details'));
  }

  // Keep open what is open, and move the focus to the successor of the
  // element that has it.
  function keep(element, change) {
    var active = document.activeElement;
    var position = Array.from(element.querySelectorAll(CONTROLS))
      .indexOf(active);
    var opened = folded(element).map(function (details) {
      return details.open;
    });
    var now = change();
    folded(now).forEach(function (details, index, all) {
      details.open = all.length === opened.length && opened[index];
    });
    if (position >= 0) {
      var heir = (active.id && document.getElementById(active.id)) ||
        now.querySelectorAll(CONTROLS)[position];
      if (heir) {
        heir.focus();
      }
    }
  }

  // Horizon's dialog that launches an instance is in Angular.
  function compile(element) {
    if (window.recompileAngularContent &&
        element.querySelector('[ng-click]')) {
      window.recompileAngularContent(window.jQuery(element));
    }
  }

  // In milliseconds: how often the ages on the page are renewed.
  var TICK = 10000;
  var UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

  // How far the service's clock is ahead of this one, in milliseconds.
  function skew() {
    var watch = document.getElementById('snapshot-panel-watch');
    var time = watch && Date.parse(watch.dataset.time);
    return time ? time - Date.now() : 0;
  }

  // The page's language, which Horizon does not write on it (zh-hans).
  var language = document.currentScript.dataset.language || undefined;
  var words = new Intl.RelativeTimeFormat(language);
  // For what is younger than a tick.
  var justNow = new Intl.RelativeTimeFormat(
    language, {numeric: 'auto'}).format(0, 'second');

  function tick(part) {
    var now = Date.now() + ahead;
    part.querySelectorAll('time[data-ticks]').forEach(function (time) {
      var age = Math.max(0, (now - Date.parse(time.dateTime)) / 1000);
      var unit = UNITS.find(function (each) {
        return age >= each[1] || each[1] === 1;
      });
      var text = age < TICK / 1000 ? justNow :
        words.format(-Math.floor(age / unit[1]), unit[0]);
      if (time.textContent !== text) {
        time.textContent = text;
      }
    });
  }

  var ahead = skew();
  window.setInterval(tick, TICK, document);
  tick(document);

  // A screen reader would read it again: show only what is new.
  function showPart(element, html) {
    var holder = element.cloneNode(false);
    holder.innerHTML = html;
    var before = shown.get(element) || element.innerHTML;
    shown.set(element, holder.innerHTML);
    if (holder.innerHTML.trim() === before.trim()) {
      return;
    }
    keep(element, function () {
      element.innerHTML = html;
      return element;
    });
    tick(element);
  }

  function readRows(html) {
    var holder = document.createElement('tbody');
    holder.innerHTML = html;
    return Array.from(holder.children);
  }

  // Keep what was chosen. Return false, and change nothing, while a menu of
  // the row is open.
  function replaceRow(old, row) {
    if (old.querySelector('.btn-group.open')) {
      return false;
    }
    var box = old.querySelector('.table-row-multi-select');
    var newBox = row.querySelector('.table-row-multi-select');
    if (box && newBox) {
      newBox.checked = box.checked;
    }
    keep(old, function () {
      old.replaceWith(row);
      return row;
    });
    compile(row);
    tick(row);
    return true;
  }

  function addRow(body, row, position) {
    body.insertBefore(row, body.children[position] || null);
    compile(row);
    tick(row);
  }

  Object.assign(window.snapshotPanel, {
    addRow: addRow, readRows: readRows, replaceRow: replaceRow,
    showPart: showPart});
}());
