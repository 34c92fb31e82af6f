/* SPDX-License-Identifier: Apache-2.0 */

/* What our pages' scripts share: asking, showing news, and asking again.
 *
 * The element `watch` names the address to ask (data-url), how often in
 * seconds (data-interval) and what to say of a dashboard that does not
 * answer (data-failed); it holds the token that a POST needs.
 */
window.snapshotPanel = (function () {
  'use strict';

  // In milliseconds. Settling may have to wait for a slow service.
  var LONGEST_PAUSE = 30000;
  var PATIENCE = 120000;
  // From a click to the end of this page, at most.
  var LEAVING = 2000;
  // Whoever leaves comes to a page that carries on.
  var stays = false;

  // A screen reader reads again whatever is set: set only what is new.
  function say(element, text) {
    if (element.textContent !== text) {
      element.textContent = text;
    }
  }

  // Show the answer. If it names a problem, fail with that.
  function ask(watch, show, request) {
    var token = watch.querySelector('[name=csrfmiddlewaretoken]');
    var over = new AbortController();
    var timer = window.setTimeout(function () { over.abort(); }, PATIENCE);
    return fetch(watch.dataset.url + (request.query || ''), {
      method: request.method,
      body: request.body,
      signal: over.signal,
      credentials: 'same-origin',
      headers: {
        'X-Requested-With': 'XMLHttpRequest',
        'X-CSRFToken': token ? token.value : ''
      }
    }).then(function (response) {
      if (response.status === 401) {
        // The session is over: this page leads to the login page, and back.
        stays = true;
        window.location.reload();
      }
      return response.json();
    }).then(function (answer) {
      show(answer);
      if (answer.problem) {
        throw Object.assign(new Error(), {told: answer.problem});
      }
      return answer;
    }).finally(function () { window.clearTimeout(timer); });
  }

  // Look, and look again while `more(failures)`; after each failure, wait
  // longer.
  function follow(watch, news, look, more) {
    var failures = 0;

    function carryOn() {
      look().then(function () {
        failures = 0;
      }, function (error) {
        failures += 1;
        say(news, error.told || watch.dataset.failed);
      }).then(function () {
        if (more(failures)) {
          window.setTimeout(carryOn, Math.min(LONGEST_PAUSE,
            1000 * watch.dataset.interval * Math.pow(2, failures)));
        }
      });
    }

    carryOn();
  }

  // What waits for somebody else, such as a lock, is looked at seldom.
  function seldom(look) {
    window.setInterval(look, LONGEST_PAUSE);
  }

  // An instance that was stopped for a snapshot is started again by a page
  // that follows it (the index, its own, the steps to a ready one), or by the
  // operator's judge. Ask whoever leaves for something else.
  function guard(watch) {
    function stopped() {
      return Array.from(document.querySelectorAll('[data-restarting]'),
        function (each) { return each.dataset.restarting; });
    }

    function follows(address) {
      return address === watch.dataset.index || stopped().every(
        function (each) {
          return address === each || address === each + 'fix/';
        });
    }

    if (!watch.dataset.maySettle || watch.dataset.judged) {
      return;
    }
    ['click', 'submit'].forEach(function (kind) {
      document.addEventListener(kind, function (event) {
        var link = event.target.closest('a[href]');
        // What is sent leads back here.
        if (kind === 'submit' || (link && follows(link.pathname))) {
          stays = true;
          window.setTimeout(function () { stays = false; }, LEAVING);
        }
      }, true);
    });
    window.addEventListener('beforeunload', function (event) {
      if (!stays && stopped().length) {
        event.preventDefault();
      }
    });
  }

  return {ask: ask, follow: follow, guard: guard, say: say, seldom: seldom};
}());
