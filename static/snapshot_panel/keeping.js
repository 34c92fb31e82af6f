/* SPDX-License-Identifier: Apache-2.0 */

/* Keep in this tab what was typed and not sent.
 *
 * Images' pages use the store. Here it serves the forms of a snapshot, as a
 * dialog and as a page: whoever has to log in comes back to the page, and
 * finds the fields as they were. What is kept belongs to one user and one
 * instance, and is used once; dialogs.js forgets it where a form that was
 * sent, or left, leads to.
 */
(function () {
  'use strict';

  function keep(name, fields) {
    try {
      window.sessionStorage.setItem(name, JSON.stringify(fields));
    } catch (_error) {
      // There is no room, or the browser keeps nothing.
    }
  }

  function kept(name) {
    try {
      return JSON.parse(window.sessionStorage.getItem(name));
    } catch (_error) {
      return null;
    }
  }

  function forget(name) {
    try {
      window.sessionStorage.removeItem(name);
    } catch (_error) {
      // Nothing was kept.
    }
  }

  window.snapshotPanelKeeping = {keep: keep, kept: kept, forget: forget};

  // The same in dialogs.js.
  var TYPED = 'snapshot-panel-typed';

  // What a person sees: the rest is the server's, such as the token of a
  // session and the verdict that the button names.
  function inputs(form) {
    return Array.from(form.elements).filter(function (input) {
      return input.name && input.matches(
        'select, textarea, [type=text], [type=checkbox]');
    });
  }

  function read(form) {
    return inputs(form).map(function (input) {
      return [input.name,
        input.type === 'checkbox' ? input.checked : input.value];
    });
  }

  // Before Horizon shows what belongs to a choice.
  function fill(form, fields) {
    var values = new Map(fields);
    inputs(form).forEach(function (input) {
      var value = values.get(input.name);
      var fold = input.closest('details');
      if (value === undefined) {
        return;
      }
      if (input.type === 'checkbox') {
        input.checked = value;
      } else {
        input.value = value;
      }
      // A choice that is not offered any more.
      if (input.selectedIndex === -1) {
        input.selectedIndex = 0;
      }
      if (fold) {
        fold.open = true;
      }
    });
  }

  function watch(form) {
    // What was sent once is never what the server proposed.
    var before = form.dataset.fresh && JSON.stringify(read(form));
    var found = kept(TYPED);

    function save() {
      if (form.isConnected && JSON.stringify(read(form)) !== before) {
        keep(TYPED, {whose: form.dataset.typed, fields: read(form)});
      }
    }

    // A page that was made of what was sent carries it itself.
    if (form.dataset.fresh && found && found.whose === form.dataset.typed) {
      fill(form, found.fields);
    }
    forget(TYPED);
    form.addEventListener('submit', save);
    // A reload, or a page that is sent and has no session any more.
    window.addEventListener('pagehide', save);
    // Horizon would close the dialog and lead nowhere.
    window.jQuery(document).on('ajaxError', function (_event, answer, asked) {
      var login = answer.getResponseHeader('X-Horizon-Location');
      if (answer.status === 401 && login &&
          asked.url === form.getAttribute('action')) {
        window.location.assign(login);
      }
    });
  }

  // A dialog brings this script with it each time.
  document.querySelectorAll('form[data-typed]:not([data-watched])').forEach(
    function (form) {
      form.dataset.watched = 'true';
      watch(form);
    });
}());
