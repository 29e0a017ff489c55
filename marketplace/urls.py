from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from marketplace.account import views as account
from marketplace.endpoint.views import endpoint
from marketplace.sign_in import views as sign_in
from marketplace.work import views as work
from marketplace.work.external_submit import external_submit, submitted


@csrf_exempt
def front_door(request: HttpRequest) -> HttpResponse:
    """Answer the one address that requesters' clients know: POST is the API, and a browser is sent to the HITs."""
    return redirect("groups") if request.method in ("GET", "HEAD") else endpoint(request)


def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("", front_door),
    path("livez", alive),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("hits/", work.groups, name="groups"),
    path("queue/", work.queue, name="queue"),
    path("groups/<slug:group_id>/", work.group, name="group"),
    path("groups/<slug:group_id>/accept/", work.accept, name="accept"),
    path("tasks/<slug:assignment_id>/", work.task, name="task"),
    path("tasks/<slug:assignment_id>/return/", work.return_hit, name="return_hit"),
    path("mturk/externalSubmit", external_submit, name="external_submit"),
    path("mturk/submitted/<slug:assignment_id>/", submitted, name="submitted"),
    path("account/earnings/", account.earnings, name="earnings"),
    path("account/messages/", account.messages, name="messages"),
    path("account/messages/read/", account.read_messages, name="read_messages"),
    path("account/qualifications/", account.qualifications, name="qualifications"),
    path("account/qualifications/<slug:type_id>/ask/", account.qualification_request, name="request_qualification"),
    path("account/password/", account.password, name="password"),
] + ([path("faults/", include("marketplace.faults.urls"))] if settings.FAULTS else [])
