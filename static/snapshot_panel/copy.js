/* SPDX-License-Identifier: Apache-2.0 */

/* Copy the block beside a button.
 *
 * The buttons show once this script runs, also in what comes later: dialogs,
 * and the parts of a page that are asked for again.
 */
(function () {
  'use strict';

  var root = document.documentElement;
  if (root.classList.contains('snapshot-panel-copies')) {
    return;
  }
  root.classList.add('snapshot-panel-copies');

  function select(block) {
    window.getSelection().selectAllChildren(block);
  }

  function copy(block) {
    if (navigator.clipboard && window.isSecureContext) {
      return navigator.clipboard.writeText(block.textContent);
    }
    // Without TLS a browser copies only what is selected.
    select(block);
    return document.execCommand('copy') ? Promise.resolve() :
      Promise.reject(new Error());
  }

  document.addEventListener('click', function (event) {
    var button = event.target.closest('.snapshot-panel-copy [data-copy]');
    if (!button) {
      return;
    }
    var news = button.parentNode.querySelector('[role=status]');
    var block = button.parentNode.querySelector('pre');
    copy(block).then(function () {
      news.textContent = news.dataset.done;
    }, function () {
      select(block);
      news.textContent = news.dataset.failed;
    });
  });
}());
