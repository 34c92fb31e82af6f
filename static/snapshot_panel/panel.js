/* Keep the rows of the index up to date.
 *
 * Nothing is decided here: the script asks for rows and shows them. Looking
 * is a GET; while a snapshot is not settled it asks to settle with a POST.
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
  var GUESTS_PER_REQUEST = 5;

  function ids(marker) {
    return Array.from(table.querySelectorAll('tr[' + marker + ']'))
      .map(function (row) { return row.dataset.objectId; });
  }

  function find(id) {
    return Array.from(table.querySelectorAll('tr[data-object-id]'))
      .find(function (row) { return row.dataset.objectId === id; });
  }

  // The page that is shown is named by the address of this page.
  function ask(method, wanted) {
    var body = new URLSearchParams(wanted.map(function (id) {
      return ['id', id];
    }));
    var query = new URLSearchParams(window.location.search);
    if (method === 'GET') {
      body.forEach(function (id) { query.append('id', id); });
    }
    return panel.ask(watch, function (answer) {
      Object.keys(answer.rows || {}).forEach(function (id) {
        show(id, answer.rows[id]);
      });
    }, {
      method: method,
      query: '?' + query,
      body: method === 'GET' ? undefined : body
    });
  }

  // A row that somebody is using stays as it is until they have finished.
  function busy(row) {
    return row.querySelector('.btn-group.open') !== null;
  }

  function show(id, html) {
    var old = find(id);
    if (!old || busy(old)) {
      return;
    }
    var holder = document.createElement('tbody');
    holder.innerHTML = html;
    var row = holder.querySelector('tr');
    var box = old.querySelector('.table-row-multi-select');
    var newBox = row.querySelector('.table-row-multi-select');
    if (box && newBox) {
      newBox.checked = box.checked;
    }
    var focused = old.contains(document.activeElement) &&
      document.activeElement.id;
    old.replaceWith(row);
    if (focused && document.getElementById(focused)) {
      document.getElementById(focused).focus();
    }
  }

  function askGuests() {
    var wanted = ids('data-unasked');
    var batches = [];
    while (wanted.length) {
      batches.push(wanted.splice(0, GUESTS_PER_REQUEST));
    }
    return batches.reduce(function (before, batch) {
      return before.then(function () { return ask('GET', batch); });
    }, Promise.resolve());
  }

  function settle() {
    var wanted = ids('data-unsettled');
    var method = watch.dataset.maySettle ? 'POST' : 'GET';
    return wanted.length ? ask(method, wanted) : Promise.resolve();
  }

  panel.follow(watch, news, function () {
    // What cannot be settled now must not keep the others from being asked.
    return settle().then(askGuests, function (error) {
      return askGuests().then(function () { throw error; });
    }).then(function () {
      panel.say(news, '');
    });
  }, function (failures) {
    return failures || ids('data-unsettled').length;
  });
}());
