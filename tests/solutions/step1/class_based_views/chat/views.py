"""Different here: class-based views, a Django form, and templates that belong to no app."""

from django import forms
from django.http import Http404
from django.shortcuts import redirect
from django.views.generic import FormView, TemplateView

from chat.rooms import room_name_error


class RoomForm(forms.Form):
    """One field, required as fields are: the browser says so, and so does the server."""

    name = forms.CharField(
        label="Where to?",
        widget=forms.TextInput({"id": "room-name-input", "autofocus": True}),
    )

    def clean_name(self):
        """Django calls this with the spaces around the name already taken away."""
        name = self.cleaned_data["name"]
        if error := room_name_error(name):
            raise forms.ValidationError(error)
        return name


class ChooseRoom(FormView):
    """Shows the form and, once there is a query string, what the form says to it."""

    form_class = RoomForm
    template_name = "choose.html"
    http_method_names = ["get", "head", "options"]

    def get_form_kwargs(self):
        return {"data": self.request.GET or None}

    def get(self, request, *args, **kwargs):
        form = self.get_form()
        return self.form_valid(form) if form.is_valid() else self.form_invalid(form)

    def form_valid(self, form):
        return redirect("room", form.cleaned_data["name"])


class Room(TemplateView):
    """Shows a room, if a room may have that name."""

    template_name = "room.html"

    def get_context_data(self, room_name):
        if error := room_name_error(room_name):
            raise Http404(error)
        return super().get_context_data(room_name=room_name)
