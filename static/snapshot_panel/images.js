/* SPDX-License-Identifier: Apache-2.0 */

/* Keep what was typed of an image, and give it one empty row.
 *
 * What a form would send is kept in this tab, by user and image, when the
 * page is left. A page that was made of what was sent carries it itself, and
 * then it is forgotten. So it is there still where an expired session, a
 * reload or an error came in between.
 */
(function () {
  'use strict';

  var PREFIX = 'snapshot-panel-edit ';
  var store = window.snapshotPanelKeeping;

  // What the form would send, but for the token of this session.
  function read(form) {
    var fields = Array.from(new FormData(form)).filter(function (field) {
      return field[0] !== 'csrfmiddlewaretoken' && field[0] !== 'step';
    });
    return fields.concat([['step', form.dataset.keepStep]]);
  }

  // The form is longer than a window.
  function showFirstError(form) {
    var wrong = form.querySelector(
      '.has-error :is(input:not([type=hidden]), select)');
    if (wrong) {
      wrong.focus();
    }
  }

  function watch(form) {
    var name = PREFIX + form.dataset.keep;
    var before = JSON.stringify(read(form));
    var given = false;
    if (!form.dataset.fresh) {
      store.forget(name);
    }
    form.addEventListener('submit', function () {
      store.keep(name, read(form));
    });
    form.querySelectorAll('[data-forget]').forEach(function (link) {
      link.addEventListener('click', function () {
        given = true;
        store.forget(name);
      });
    });
    window.addEventListener('pagehide', function () {
      if (!given && JSON.stringify(read(form)) !== before) {
        store.keep(name, read(form));
      }
    });
  }

  function hide(field) {
    var input = document.createElement('input');
    input.type = 'hidden';
    input.name = field[0];
    input.value = field[1];
    return input;
  }

  function offer(notice, name) {
    var fields = store.kept(name);
    if (!Array.isArray(fields)) {
      return;
    }
    notice.hidden = false;
    notice.addEventListener('submit', function () {
      fields.map(hide).forEach(function (input) { notice.append(input); });
    });
    notice.querySelector('[data-forget]').addEventListener(
      'click', function () {
        store.forget(name);
        notice.hidden = true;
      });
  }

  // One more empty row once the last is used.
  function grow(form) {
    var total = form.querySelector('[name=others-TOTAL_FORMS]');
    var more = form.querySelector('[data-without-script]');
    if (!total || !more) {
      return;
    }
    more.hidden = true;
    form.addEventListener('input', function () {
      var rows = form.querySelectorAll('tr[data-free]');
      var last = rows[rows.length - 1];
      var used = last && Array.from(last.querySelectorAll('input'))
        .some(function (input) { return input.value; });
      if (used) {
        last.after(another(last, Number(total.value)));
        total.value = Number(total.value) + 1;
      }
    });
  }

  function another(row, number) {
    var added = row.cloneNode(true);
    added.querySelectorAll('.help-block').forEach(function (error) {
      error.remove();
    });
    added.querySelectorAll('.has-error').forEach(function (cell) {
      cell.classList.remove('has-error');
    });
    added.querySelectorAll('[name]').forEach(function (input) {
      ['name', 'id'].forEach(function (attribute) {
        input.setAttribute(attribute, input.getAttribute(attribute).replace(
          /others-\d+-/, 'others-' + number + '-'));
      });
      input.value = '';
    });
    return added;
  }

  var notice = document.getElementById('snapshot-panel-kept');
  var forms = document.querySelectorAll('form[data-keep]');
  forms.forEach(function (form) {
    if (notice) {
      offer(notice, PREFIX + form.dataset.keep);
    }
    watch(form);
    grow(form);
    showFirstError(form);
  });
  document.querySelectorAll('[data-kept-no-more]').forEach(function (part) {
    store.forget(PREFIX + part.dataset.keptNoMore);
  });
}());
