"""Different here: views that are functions, and the log-out tells the sockets itself."""

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import UserCreationForm
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.sockets import check_sockets


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
        before, user = request.user.pk, authenticate(request, **names)
        if user:
            login(request, user)
            if before and before != user.pk:
                check_sockets(before)
            good = url_has_allowed_host_and_scheme(target, {request.get_host()})
            return redirect(target if good else "index")
        error = "There is no such user, or the password is another one."
    return render(request, "accounts/login.html", {"next": target, "error": error})


@login_not_required
@require_POST
def log_out(request):
    before = request.user.pk
    logout(request)
    if before:
        check_sockets(before)
    return redirect("login")
