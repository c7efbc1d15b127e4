"""URLs of the accounts' pages. Two of the three views are Django's own."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from accounts.views import SignUpView

login = LoginView.as_view(template_name="accounts/login.html", next_page="index")
logout = login_not_required(LogoutView.as_view(next_page="login"))

urlpatterns = [
    path("signup/", SignUpView.as_view(), name="signup"),
    path("login/", login, name="login"),
    path("logout/", logout, name="logout"),
]
