/* SPDX-License-Identifier: Apache-2.0 */

/* Keep the rows of the index up to date.
 *
 * Nothing is decided here: the script asks for rows and shows them. Looking
 * is a GET; while a snapshot is not settled it asks to settle with a POST.
 * What needs a question for a row alone (its guest) is asked for the rows
 * that somebody sees, in one go.
 */
(function () {
  'use strict';

  var watch = document.getElementById('snapshot-panel-watch');
  var news = document.getElementById('snapshot-panel-news');
  var table = document.getElementById('instances');
  if (!watch || !table) {
    return;
  }

  var panel = window.snapshotPanel;
  // Of an ordinary window all; the view answers for no more.
  var GUESTS_PER_REQUEST = 25;
  var strip = document.getElementById('snapshot-panel-strip');
  var inView = new Set();
  var title = document.title;
  var running = false;

  function ids(marker) {
    return Array.from(table.querySelectorAll('tr[' + marker + ']'))
      .map(function (row) { return row.dataset.objectId; });
  }

  function find(id) {
    return Array.from(table.querySelectorAll('tr[data-object-id]'))
      .find(function (row) { return row.dataset.objectId === id; });
  }

  // The numbers on top follow the rows.
  function count(row, by) {
    row.dataset.groups.split(' ').filter(Boolean).forEach(function (group) {
      var number = strip.querySelector('[data-count="' + group + '"]');
      number.textContent = Number(number.textContent) + by;
      var item = number.closest('li');
      if ('alarm' in item.dataset) {
        item.hidden = number.textContent === '0';
      }
    });
  }

  // It is not one of those that the user wants to see, or not there any more.
  function leave(row) {
    row.remove();
    document.getElementById('snapshot-panel-none').hidden = Boolean(
      table.querySelector('tr[data-object-id]'));
  }

  // The address of this page names the page of the table.
  function ask(method, wanted, how) {
    var body = new URLSearchParams(wanted.map(function (id) {
      return ['id', id];
    }));
    var query = new URLSearchParams(window.location.search);
    if (method === 'GET') {
      body.forEach(function (id) { query.append('id', id); });
    }
    if (how) {
      query.append(how, how === 'shown' ? watch.dataset.shown || '' : '1');
    }
    return panel.ask(watch, function (answer) {
      Object.keys(answer.rows || {}).forEach(function (id) {
        show(id, answer.rows[id], how !== 'again');
      });
      (answer.gone || []).map(find).filter(Boolean).forEach(function (row) {
        count(row, -1);
        leave(row);
      });
      if (answer.refused) {
        document.getElementById('snapshot-panel-role').hidden = false;
      }
    }, {
      method: method,
      query: '?' + query,
      body: method === 'GET' ? undefined : body
    });
  }

  function show(id, html, mayLeave) {
    var old = find(id);
    var row = panel.readRows(html)[0];
    var used = old && old.contains(document.activeElement);
    if (old && panel.replaceRow(old, row)) {
      count(old, -1);
      count(row, 1);
      // Somebody may be looking at what just ended.
      var ended = old.dataset.running && row.dataset.told;
      if (ended) {
        tell(row.dataset);
      }
      if (mayLeave && old.dataset.unasked && row.dataset.elsewhere &&
          !used && !ended) {
        leave(row);
      } else {
        watchRow(row);
      }
    }
  }

  // This script runs before Horizon's own.
  function onceLoaded(call) {
    if (document.readyState === 'complete') {
      call();
    } else {
      window.addEventListener('load', call);
    }
  }

  // What came of a snapshot: for those who look elsewhere on the page or at
  // another one, and for those who listen.
  function tell(about) {
    var link = document.createElement('a');
    link.href = about.proof;
    link.textContent = about.told;
    onceLoaded(function () {
      // Horizon cuts a message at an ellipsis.
      window.horizon.alert(about.level === 'danger' ? 'error' : about.level,
        link.outerHTML.replace(/\u2026/g, '&hellip;'), 'safe');
    });
    panel.say(document.getElementById('snapshot-panel-told'), about.told);
    document.title = about.told + ' – ' + title;
  }

  // How far above and below the window a row is in view, in pixels.
  var MARGIN = 200;

  var observer = new IntersectionObserver(function (changes) {
    changes.forEach(function (change) {
      if (change.isIntersecting) {
        inView.add(change.target.dataset.objectId);
      } else {
        inView.delete(change.target.dataset.objectId);
      }
    });
    if (unasked().length) {
      carryOn();
    }
    // And those that come into view next.
  }, {rootMargin: MARGIN + 'px 0px'});

  // The observer tells of the first rows once the browser has painted them.
  function isInView(row) {
    var box = row.getBoundingClientRect();
    return box.bottom > -MARGIN && box.top < window.innerHeight + MARGIN;
  }

  function unasked() {
    return ids('data-unasked').filter(function (id) {
      return inView.has(id);
    });
  }

  function watchRow(row) {
    if (row.dataset.unasked) {
      observer.observe(row);
    }
  }

  function askGuests() {
    var wanted = unasked().slice(0, GUESTS_PER_REQUEST);
    return wanted.length ? ask('GET', wanted, 'shown').then(function () {
      // A row in use is not shown again, and is not asked for again at once.
      return unasked().some(function (id) { return wanted.includes(id); }) ?
        undefined : askGuests();
    }) : Promise.resolve();
  }

  table.addEventListener('click', function (event) {
    var button = event.target.closest('[data-again]');
    if (!button || button.getAttribute('aria-disabled')) {
      return;
    }
    // A disabled button would lose the focus.
    button.setAttribute('aria-disabled', 'true');
    ask('GET', [button.closest('tr').dataset.objectId], 'again').then(
      function () {
        panel.say(news, '');
        // Somebody may have taken a snapshot of it meanwhile.
        carryOn();
      },
      function (error) {
        panel.say(news, error.told || watch.dataset.failed);
        button.removeAttribute('aria-disabled');
      });
  });

  function settle() {
    var wanted = ids('data-unsettled');
    var method = watch.dataset.maySettle ? 'POST' : 'GET';
    return wanted.length ? ask(method, wanted) : Promise.resolve();
  }

  function carryOn() {
    if (running) {
      return;
    }
    running = true;
    panel.follow(watch, news, function () {
      // What cannot be settled now must not keep the others from being asked.
      return settle().then(askGuests, function (error) {
        return askGuests().then(function () { throw error; });
      }).then(function () {
        panel.say(news, '');
      });
    }, function (failures) {
      running = Boolean(failures || ids('data-unsettled').length ||
        unasked().length);
      return running;
    });
  }

  // Where the words of a language are too long for the table, lines break;
  // where that is not enough, each row is a card, as in a narrow window.
  var cards = document.getElementById('snapshot-panel-cards');
  var narrow = cards.media;

  function isWide() {
    return table.offsetWidth > table.parentElement.clientWidth;
  }

  function fit() {
    if (isWide()) {
      table.classList.add('snapshot-panel-tight');
    }
    if (isWide()) {
      cards.media = 'all';
    }
  }

  new ResizeObserver(fit).observe(table);
  window.addEventListener('resize', function () {
    table.classList.remove('snapshot-panel-tight');
    cards.media = narrow;
    fit();
  });

  panel.guard(watch);
  table.querySelectorAll('tr[data-unasked]').forEach(function (row) {
    if (isInView(row)) {
      inView.add(row.dataset.objectId);
    }
    observer.observe(row);
  });
  carryOn();
  // Once they can be changed again, they are unsettled.
  panel.seldom(function () {
    var held = ids('data-held');
    if (held.length && !running) {
      ask('GET', held).then(carryOn, function (error) {
        panel.say(news, error.told || watch.dataset.failed);
      });
    }
  });
}());
