/* SPDX-License-Identifier: Apache-2.0 */

/* Where the focus is when a dialog of ours opens and when it is gone.
 *
 * Horizon gives it to the first field, which is not what to do first, and
 * to nothing afterwards.
 */
(function () {
  'use strict';

  // A dialog brings this script with it, for pages that are not ours.
  if (window.snapshotPanelDialogs) {
    return;
  }
  window.snapshotPanelDialogs = true;

  // A form that was sent or left leads here: what keeping.js kept of it is of
  // no use. (In a dialog it has been put back by now.)
  try {
    window.sessionStorage.removeItem('snapshot-panel-typed');
  } catch (_error) {
    // Nothing was kept.
  }

  var OURS = '#consistent_snapshot_modal, #consistent_restart_modal';
  var opener = null;

  function isSeen(element) {
    return Boolean(element && element.offsetParent);
  }

  function linkTo(address) {
    return Array.from(document.querySelectorAll('a.ajax-modal')).find(
      function (each) {
        return each.pathname === address && !each.closest('.modal');
      });
  }

  // The row may be a new one, and a menu is closed by now.
  function successor() {
    var link = opener.isConnected ? opener : linkTo(opener.pathname);
    var group = link && link.closest('.btn-group');
    return isSeen(link) ? link :
      group && group.querySelector('.dropdown-toggle');
  }

  document.addEventListener('click', function (event) {
    var link = event.target.closest('.ajax-modal');
    if (link && !link.closest('.modal')) {
      opener = link;
    }
  }, true);

  var page = window.jQuery(document);

  page.on('new_modal shown.bs.modal', OURS, function (event) {
    var title = event.currentTarget.querySelector('.modal-title');
    title.id = event.currentTarget.id + '_title';
    title.tabIndex = -1;
    event.currentTarget.setAttribute('role', 'dialog');
    event.currentTarget.setAttribute('aria-labelledby', title.id);
    title.focus();
    // The click that brought this script came before it.
    var form = event.currentTarget.querySelector('form');
    opener = opener || (form && linkTo(
      new URL(form.getAttribute('action'), document.baseURI).pathname));
  });

  page.on('hidden.bs.modal', OURS, function () {
    // Once Horizon has shown what was behind it, if anything.
    window.setTimeout(function () {
      var heir = opener && !document.querySelector('.modal.in') &&
        successor();
      if (heir) {
        heir.focus();
      }
    });
  });
}());
