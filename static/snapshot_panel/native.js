/* SPDX-License-Identifier: Apache-2.0 */

/* Say the verdicts of snapshots in words where Horizon shows images.
 *
 * It adds to what Horizon's registries and workflows offer: a column and a
 * property of images, and a line in the source step of a launch. It asks for
 * nothing of the services; whatever it does not find in this Horizon, it
 * leaves as it is.
 *
 * It reads an image as verdict.look() in consistency/verdict.py does, and
 * has its words from ui/words.py. Tests compare them. What another project
 * wrote on an image is that project's word alone, and is not repeated.
 */
(function () {
  'use strict';

  var IMAGES = 'horizon.app.core.images';
  // Horizon keeps its answer for as long as the page is there.
  var SESSION = 'horizon.app.core.openstack-service-api.userSession';
  var LAUNCH = 'horizon.dashboard.project.workflow.launch-instance';
  // Templates of ours around Horizon's, kept in Angular's cache alone.
  var DRAWER = 'snapshot_panel/drawer.html';
  var SOURCE = 'snapshot_panel/source.html';
  var CHOSEN = 'model.newInstanceSpec.source[0] | snapshotPanelVerdict';
  var RECORD = /^consistency_/;
  // A verdict counts together with the rule that led to it, only then.
  var RULES = {
    'application-consistent': ['hooks-witnessed', 'disk-at-rest-hooks'],
    'filesystem-consistent': [
      'freeze-witnessed', 'clean-stop', 'disk-at-rest'],
    'crash-consistent': [
      'no-channel', 'never-frozen', 'backend', 'agent-stopped',
      'hook-refused', 'hard-stop', 'disk-in-use', 'disk-damaged'],
    'discarded': [
      'gone', 'abandoned', 'gone-after-hook', 'gone-after-freeze',
      'gone-without-agent']
  };
  var words;
  // The user's project; as long as it is not known, no image is ours.
  var project;

  function attempt(part) {
    try {
      return part();
    } catch (problem) {
      if (window.console) {
        window.console.warn('snapshot_panel:', problem);
      }
    }
  }

  /* Return a promise that is kept, whether or not the project was learnt. */
  function learn($injector) {
    function over() {}
    return $injector.get('$q').when(attempt(function () {
      return $injector.get(SESSION).get().then(function (session) {
        project = session.project_id;
      });
    })).catch(over);
  }

  function say(code) {
    words = words || {
      'application-consistent': gettext('Application-consistent'),
      'filesystem-consistent': gettext('File-system consistent'),
      'unproven': gettext('Unproven'),
      'crash-consistent': gettext('Crash-consistent'),
      'discarded': gettext('Discarded'),
      'pending': gettext('In progress'),
      'unread': gettext('Not judged yet')
    };
    return words[code];
  }

  /* Return the word for an image as Glance has it, '' if it is no snapshot
   * of the user's project. */
  function verdict(image) {
    var values = image && image.properties;
    if (!values || !project || image.owner !== project) {
      return '';
    }
    var bound = values.consistency_image === image.id;
    var sealed = values.consistency_verdict;
    var snapshot = values.image_type === 'snapshot' ||
      values.image_type === 'backup' || 'block_device_mapping' in values;
    if (bound && sealed !== undefined && sealed !== 'pending') {
      var rules = RULES.hasOwnProperty(sealed) ? RULES[sealed] : [];
      return say(rules.indexOf(values.consistency_rule) < 0 ?
        'unproven' : sealed);
    }
    if (!snapshot && !bound) {
      return '';
    }
    if (image.status === 'deactivated') {
      return say('unproven');
    }
    if (image.status !== 'active') {
      return say('pending');
    }
    if (bound && 'consistency_state' in values &&
        values.consistency_state !== 'none') {
      return say('pending');
    }
    return say(snapshot && image.size && !('block_device_mapping' in values) ?
      'unread' : 'unproven');
  }

  /* Give an image its word in place of the record it was made of. */
  function label(image) {
    var values = image.properties;
    image.consistency = verdict(image);
    if (!values || !Object.keys(values).some(RECORD.test, RECORD)) {
      return;
    }
    // A record that is another image's says nothing of this one.
    image.properties = {};
    Object.keys(values).forEach(function (name) {
      if (!RECORD.test(name)) {
        image.properties[name] = values[name];
      }
    });
    if (image.consistency) {
      image.properties.consistency_verdict = image.consistency;
    }
  }

  /* Return a function that labels the images of another's answer. */
  function labelled($injector, ask, images) {
    return function () {
      var learnt = learn($injector);
      return ask.apply(this, arguments).then(function (answer) {
        return learnt.then(function () {
          attempt(function () {
            images(answer.data).forEach(label);
          });
          return answer;
        });
      });
    };
  }

  function include(template) {
    return '<div ng-include="\'' + template + '\'"></div>';
  }

  function extendImages($injector) {
    var type = $injector
      .get('horizon.framework.conf.resource-type-registry.service')
      .getResourceType($injector.get(IMAGES + '.resourceType'));
    var column = {id: 'consistency', priority: 2};
    var title = gettext('Consistency');
    type.setListFunction(labelled($injector, type.list, function (data) {
      return data.items;
    }));
    type.setLoadFunction(labelled($injector, type.load, function (data) {
      return [data];
    }));
    if (type.summaryTemplateUrl) {
      $injector.get('$templateCache').put(DRAWER,
        '<div><hz-resource-property-list ng-if="item.consistency" ' +
        'item="item" resource-type-name="' + type.type + '" ' +
        'property-groups="[[\'consistency\']]">' +
        '</hz-resource-property-list>' +
        include(type.summaryTemplateUrl) + '</div>');
      type.setSummaryTemplateUrl(DRAWER);
    }
    type.setProperty('consistency', {label: title, filters: ['noValue']});
    type.setProperty('consistency_verdict', {label: title});
    if (attempt(function () {
      return type.tableColumns.after('status', column);
    }) === undefined) {
      type.tableColumns.append(column);
    }
  }

  function extendLaunch(workflow, $templateCache) {
    workflow.steps.forEach(function (step) {
      if (step.id === 'source') {
        $templateCache.put(SOURCE,
          '<div role="status"><p ng-if="' + CHOSEN + '">' +
          gettext('Consistency of the chosen snapshot:') +
          ' <strong ng-bind="' + CHOSEN + '"></strong></p></div>' +
          include(step.templateUrl));
        step.templateUrl = SOURCE;
      }
    });
  }

  attempt(function () {
    angular.module(IMAGES)
      .filter('snapshotPanelVerdict', function () {
        return function (image) {
          return attempt(function () {
            return verdict(image);
          }) || '';
        };
      })
      .run(['$injector', function ($injector) {
        attempt(function () {
          extendImages($injector);
        });
      }]);
  });

  // Horizon makes the workflow where it is needed, and asks for its steps'
  // policies then.
  attempt(function () {
    angular.module(LAUNCH).config(['$provide', function ($provide) {
      attempt(function () {
        $provide.decorator(LAUNCH + '.workflow', [
          '$delegate', '$injector', '$templateCache',
          function (workflow, $injector, $templateCache) {
            learn($injector);
            attempt(function () {
              extendLaunch(workflow, $templateCache);
            });
            return workflow;
          }
        ]);
      });
    }]);
  });
}());
