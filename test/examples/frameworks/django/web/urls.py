from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from . import views


@csrf_exempt
def sign_in(request):
    user, _ = User.objects.get_or_create(username=request.POST["user"])
    login(request, user)
    return HttpResponse()


@csrf_exempt
def sign_out(request):
    logout(request)
    return HttpResponse()


urlpatterns = [path("sign-in", sign_in), path("sign-out", sign_out)]
