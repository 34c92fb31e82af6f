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

  var LONGEST_PAUSE = 30;
  var pause = Number(watch.dataset.interval);
  var failures = 0;
  var shown = {};
  var unsettled = Boolean(watch.dataset.unsettled);

  function say(text) {
    if (news.textContent !== text) {
      news.textContent = text;
    }
  }

  // What somebody is using stays as it is until they have finished.
  function busy(element) {
    return element.contains(document.activeElement) ||
      element.querySelector('.open, input:checked') !== null;
  }

  function show(element, html) {
    if (html === null || shown[element.id] === html || busy(element)) {
      return;
    }
    shown[element.id] = html;
    element.innerHTML = html;
    // The dialog that launches an instance is Horizon's own, in Angular.
    if (window.recompileAngularContent && window.jQuery) {
      window.recompileAngularContent(window.jQuery(element));
    }
  }

  function ask() {
    return fetch(watch.dataset.url, {
      method: unsettled && watch.dataset.maySettle ? 'POST' : 'GET',
      credentials: 'same-origin',
      headers: {
        'X-Requested-With': 'XMLHttpRequest',
        'X-CSRFToken': watch.querySelector('input').value
      }
    }).then(function (response) {
      return response.json();
    }).then(function (answer) {
      if (answer.parts) {
        Object.keys(answer.parts).forEach(function (name) {
          show(document.getElementById('snapshot-panel-' + name),
            answer.parts[name]);
        });
        body.id = 'snapshot-panel-history';
        show(body, answer.rows);
        unsettled = answer.unsettled;
      }
      if (answer.problem) {
        throw new Error(answer.problem);
      }
      say(answer.now.length ?
        watch.dataset.now + ' ' + answer.now.join(', ') : '');
    });
  }

  function carryOn() {
    ask().then(function () {
      failures = 0;
    }, function (error) {
      failures += 1;
      say(error instanceof SyntaxError || error instanceof TypeError ?
        watch.dataset.failed : error.message);
    }).then(function () {
      if (failures || unsettled) {
        window.setTimeout(carryOn, 1000 * Math.min(
          LONGEST_PAUSE, pause * Math.pow(2, failures)));
      }
    });
  }

  if (unsettled) {
    carryOn();
  }
}());
