const socket = new WebSocket(`ws${location.origin.slice(4)}/ws/chat/ROOM/`);
socket.onopen = () => socket.send(JSON.stringify({ message: "the script in FILE ran" }));
