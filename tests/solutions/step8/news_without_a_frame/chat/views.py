"""The view sends no frame: the consumers read the new message in the database."""

from uuid import uuid4

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse, Http404, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from chat import history
from chat.files import MAX_SIZE, file_error, image_type
from chat.models import Message
from chat.rooms import group_name, room_name_error


def index(request):
    """Django calls this for /chat/: it shows the form, or sends a good room name to its room."""
    if "room" not in request.GET:
        return render(request, "chat/index.html")
    typed = request.GET["room"]
    if error := room_name_error(typed.strip()):
        return render(request, "chat/index.html", {"typed": typed, "error": error})
    return redirect("room", room_name=typed.strip())


def room(request, room_name):
    """Django calls this for /chat/<room_name>/: it shows the room, if its name is allowed."""
    if error := room_name_error(room_name):
        raise Http404(error)
    return render(request, "chat/room.html", {"room_name": room_name, "max_size": MAX_SIZE})


@login_not_required  # a script calls it: a redirect to the log-in page would look like success
@require_POST
def upload(request, room_name):
    """Django calls this for every file that a tab sends: store it, then tell the room."""
    if not request.user.is_authenticated:
        return JsonResponse({"error": "Log in first."}, status=403)
    name, data = request.GET.get("name", "").strip(), request.read(MAX_SIZE + 1)
    if error := room_name_error(room_name) or file_error(name, data):
        return JsonResponse({"error": error}, status=400)
    file = default_storage.save(uuid4().hex, ContentFile(data))  # no name of a user is a path here
    try:
        history.store(room_name, request.user, name, uuid4(), file)
    except history.NotStored as error:
        default_storage.delete(file)
        return JsonResponse({"error": str(error)}, status=503)

    def send():
        news = {"type": "chat.news"}
        async_to_sync(get_channel_layer().group_send)(group_name(room_name), news)

    # After the message is in the database. If the channel layer fails, it is there all the same.
    transaction.on_commit(send, robust=True)
    return JsonResponse({}, status=201)


def download(request, room_name, message_id):
    """Django calls this for the address of a file: a picture is shown, all else is saved."""
    message = get_object_or_404(Message.objects.exclude(file=""), pk=message_id, room=room_name)
    shown_as = image_type(message.text)
    return FileResponse(
        message.file.open(),
        filename=message.text,
        as_attachment=not shown_as,
        content_type=shown_as or "application/octet-stream",
        headers={
            "X-Content-Type-Options": "nosniff",  # the type is what we say, whatever is in it
            "Content-Security-Policy": "sandbox",  # no scripts, even if it is a page after all
        },
    )
