// Alerts, on every page: a list, their number in the title, and if the tab is hidden, on the desktop.

const alerts = document.getElementById("chat-alerts");
const seenButton = document.getElementById("chat-alerts-seen");
const notifyButton = document.getElementById("chat-alerts-notify");
const title = document.title;

const alertSocket = openSocket(() => "/ws/alerts/", {
  onStatus: () => {},
  onFrame: (frame) => {
    if (frame.seen) alerts.replaceChildren(); // in this tab or in another one
    if (frame.alert) showAlert(frame);
    const count = alerts.children.length;
    seenButton.hidden = !count;
    document.title = count ? `(${count}) ${title}` : title;
  },
});

function showAlert({ alert, id }) {
  if (document.getElementById(`chat-alert-${id}`)) return; // sent again after a drop
  const item = Object.assign(document.createElement("li"), { id: `chat-alert-${id}` });
  item.textContent = alert;
  alerts.append(item);
  if (document.hidden && window.Notification?.permission === "granted")
    new Notification(title, { body: alert, tag: `${location.host} ${id}` }); // one for all tabs
}

seenButton.addEventListener("click", () => alertSocket.send({ seen: true }));

// A page may ask for this only when the user clicks.
notifyButton.hidden = window.Notification?.permission !== "default";
notifyButton.addEventListener("click", async () => {
  notifyButton.hidden = (await Notification.requestPermission()) !== "default";
});
