# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

from django.urls import path
from django.urls import re_path

from snapshot_panel.cloud import images
from snapshot_panel.images import views

urlpatterns = [
    path('', views.OwnImagesView.as_view(), name='images'),
    path('snapshots/', views.OwnSnapshotsView.as_view(),
         name='image_snapshots'),
    path('shared/', views.OthersImagesView.as_view(scope=images.SHARED),
         name='shared_images'),
    path('public/', views.OthersImagesView.as_view(scope=images.PUBLIC),
         name='public_images'),
    path('community/', views.OthersImagesView.as_view(
        scope=images.COMMUNITY), name='community_images'),
    path('save/', views.SaveView.as_view(), name='save_images'),
    path('saved/', views.SavedView.as_view(), name='saved_images'),
    path('preset/<slug:code>/', views.PresetView.as_view(),
         name='preset_images'),
    # Glance takes ids in capitals too, which Django's own kind does not.
    re_path('^(?P<image_id>[0-9a-fA-F-]{36})/$', views.EditView.as_view(),
            name='image'),
    re_path('^(?P<image_id>[0-9a-fA-F-]{36})/judge/$',
            views.JudgeView.as_view(), name='judge_image'),
    re_path('^(?P<image_id>[0-9a-fA-F-]{36})/check/$',
            views.CheckView.as_view(), name='check_image'),
]
