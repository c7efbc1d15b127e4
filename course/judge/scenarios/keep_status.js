// Keeps what the status line says, from now on, since some of it is gone after half a second.
const status = document.getElementById("chat-status");
window.said = status ? [status.textContent] : [];
if (status) {
  new MutationObserver(() => window.said.push(status.textContent))
    .observe(status, {childList: true, characterData: true, subtree: true});
}
