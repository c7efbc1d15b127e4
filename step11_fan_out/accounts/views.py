"""The page to sign up."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import UserCreationForm
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.generic import CreateView


@method_decorator(login_not_required, name="dispatch")
class SignUpView(CreateView):
    """Django calls this for /accounts/signup/: it shows the form, or makes the user."""

    form_class = UserCreationForm
    template_name = "accounts/signup.html"
    success_url = reverse_lazy("index")

    def form_valid(self, form):
        """Django calls this for a form without errors: save the user, and log the user in."""
        response = super().form_valid(form)
        login(self.request, self.object)
        return response
