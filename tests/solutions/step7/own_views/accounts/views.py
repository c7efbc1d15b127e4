"""Different here: views that are functions."""

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import UserCreationForm
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST


@login_not_required
def sign_up(request):
    form = UserCreationForm(request.POST or None)
    if form.is_valid():
        login(request, form.save())
        return redirect("index")
    return render(request, "accounts/signup.html", {"form": form})


@login_not_required
def log_in(request):
    target = request.POST.get("next") or request.GET.get("next", "")
    error = ""
    if request.method == "POST":
        names = {name: request.POST.get(name, "") for name in ("username", "password")}
        if user := authenticate(request, **names):
            login(request, user)
            good = url_has_allowed_host_and_scheme(target, {request.get_host()})
            return redirect(target if good else "index")
        error = "There is no such user, or the password is another one."
    return render(request, "accounts/login.html", {"next": target, "error": error})


@login_not_required
@require_POST
def log_out(request):
    logout(request)
    return redirect("login")
