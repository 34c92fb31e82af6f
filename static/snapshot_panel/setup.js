/* Copy blocks, and tell when the guest reports.
 *
 * Looking is a GET every few seconds, for some minutes, while somebody sees
 * the page. How long ago the guest spoke is told by this browser's clock
 * alone, from the moment when its last word changed.
 */
(function () {
  'use strict';

  function copy(text, block) {
    if (navigator.clipboard && window.isSecureContext) {
      return navigator.clipboard.writeText(text);
    }
    // Without TLS a browser copies only what is selected.
    window.getSelection().selectAllChildren(block);
    return document.execCommand('copy') ? Promise.resolve() :
      Promise.reject(new Error());
  }

  document.querySelectorAll('[data-copy]').forEach(function (button) {
    var news = button.nextElementSibling;
    var block = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener('click', function () {
      copy(block.textContent, block).then(function () {
        news.textContent = news.dataset.done;
      }, function () {
        window.getSelection().selectAllChildren(block);
        news.textContent = news.dataset.failed;
      });
    });
  });

  var status = document.getElementById('snapshot-panel-status');
  if (!status) {
    return;
  }

  var ago = document.getElementById('snapshot-panel-ago');
  var trouble = document.getElementById('snapshot-panel-trouble');
  var over = document.getElementById('snapshot-panel-over');
  var interval = 1000 * status.dataset.interval;
  var LONGEST_PAUSE = 60000;
  var last = status.dataset.last;
  var shown = null;
  var reported = null;
  var failures = 0;
  var looks = 0;

  function say(text) {
    if (trouble.textContent !== text) {
      trouble.textContent = text;
    }
  }

  function show(answer) {
    // What a screen reader would read again must be news.
    if (answer.html !== shown) {
      shown = answer.html;
      status.innerHTML = answer.html;
    }
    if (answer.last && answer.last !== last) {
      reported = Date.now();
    }
    last = answer.last || last;
    status.dataset.last = last;
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
    looks += 1;
    return fetch(status.dataset.url, {
      credentials: 'same-origin',
      headers: {'X-Requested-With': 'XMLHttpRequest'}
    }).then(function (response) {
      return response.json();
    }).then(function (answer) {
      if (answer.problem) {
        throw new Error(answer.problem);
      }
      failures = 0;
      say('');
      show(answer);
      return answer.again;
    }).catch(function (error) {
      failures += 1;
      say(error instanceof SyntaxError || error instanceof TypeError ?
        status.dataset.failed : error.message);
      return true;
    });
  }

  function carryOn() {
    if (document.hidden) {
      window.setTimeout(carryOn, interval);
      return;
    }
    look().then(function (again) {
      if (again && looks < Number(status.dataset.looks)) {
        window.setTimeout(carryOn, Math.min(
          LONGEST_PAUSE, interval * Math.pow(2, failures)));
      } else {
        over.hidden = false;
      }
    });
  }

  over.querySelector('button').addEventListener('click', function () {
    looks = 0;
    over.hidden = true;
    carryOn();
  });
  window.setInterval(tick, 1000);
  if (status.dataset.again) {
    window.setTimeout(carryOn, interval);
  }
}());
