"""No pages: the tabs of a measurement open sockets only."""

urlpatterns = []
