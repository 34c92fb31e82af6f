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

  // What somebody is using stays as it is until they have finished.
  function busy(element) {
    return element.contains(document.activeElement) ||
      element.querySelector('.open, input:checked') !== null;
  }

  function folded(element) {
    return Array.from(element.querySelectorAll('details'));
  }

  function show(element, html) {
    if (html === null || shown[element.id] === html || busy(element)) {
      return;
    }
    shown[element.id] = html;
    var opened = folded(element).map(function (details) {
      return details.open;
    });
    element.innerHTML = html;
    folded(element).forEach(function (details, index, all) {
      details.open = all.length === opened.length && opened[index];
    });
    // The dialog that launches an instance is Horizon's own, in Angular.
    if (window.recompileAngularContent && window.jQuery) {
      window.recompileAngularContent(window.jQuery(element));
    }
  }

  function look() {
    var method = unsettled && watch.dataset.maySettle ? 'POST' : 'GET';
    var now = [];
    return panel.ask(watch, function (answer) {
      if (answer.parts) {
        Object.keys(answer.parts).forEach(function (name) {
          show(document.getElementById('snapshot-panel-' + name),
            answer.parts[name]);
        });
        body.id = 'snapshot-panel-history';
        show(body, answer.rows);
        unsettled = answer.unsettled;
        now = answer.now;
      }
    }, {method: method}).then(function () {
      panel.say(news, now.length ?
        watch.dataset.now + ' ' + now.join(', ') : '');
    });
  }

  if (unsettled) {
    panel.follow(watch, news, look, function (failures) {
      return failures || unsettled;
    });
  }
}());
