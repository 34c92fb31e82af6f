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

from django.urls import include
from django.urls import path

from snapshot_panel.instance import fix_views
from snapshot_panel.instance import views as instance_views
from snapshot_panel import views

urlpatterns = [
    path('', views.IndexView.as_view(), name='index'),
    path('rows/', views.RowsView.as_view(), name='rows'),
    path('images/', include('snapshot_panel.images.urls')),
    path('<str:instance_id>/', instance_views.InstanceView.as_view(),
         name='instance'),
    path('<str:instance_id>/compare/', instance_views.CompareView.as_view(),
         name='compare'),
    path('<str:instance_id>/restore/<str:image_id>/',
         instance_views.RestoreView.as_view(), name='restore'),
    path('<str:instance_id>/proof/<str:image_id>/',
         instance_views.ProofView.as_view(), name='proof'),
    path('<str:instance_id>/news/', instance_views.NewsView.as_view(),
         name='news'),
    path('<str:instance_id>/schedule/',
         instance_views.ScheduleView.as_view(), name='schedule'),
    path('<str:instance_id>/fix/', fix_views.FixView.as_view(), name='fix'),
    path('<str:instance_id>/fix/news/', fix_views.FixNewsView.as_view(),
         name='fix_news'),
    path('<str:instance_id>/setup/',
         include('snapshot_panel.guest_setup.urls')),
    path('<str:instance_id>/take/', views.TakeView.as_view(), name='take'),
    path('<str:instance_id>/snapshot/', views.SnapshotView.as_view(),
         name='snapshot'),
    path('<str:instance_id>/restart/', views.RestartView.as_view(),
         name='restart'),
    path('<str:instance_id>/restart/choice/',
         instance_views.PlanView.as_view(),
         name='restart_choice'),
]
