// Files: they go to the server by HTTP, one after the other. The socket tells every tab of them.

const picker = document.getElementById("chat-file-input");
const bar = document.getElementById("chat-file-progress");
let uploads = Promise.resolve(); // settled when all files so far are through

/** Shows the file of a message: as a picture, or by its name. */
function showFile({ file, image, message }) {
  const link = Object.assign(document.createElement("a"), { href: file });
  if (image) link.target = "_blank"; // in a new tab; all else is saved, and the page stays
  link.append(image ? Object.assign(new Image(), { src: file, alt: message }) : message);
  document.getElementById("chat-files").appendChild(document.createElement("li")).append(link);
}

/** Uploads a file. Resolves to what is wrong, or "". fetch() would not show how far it is. */
function upload(file) {
  if (file.size > picker.dataset.maxSize) return "This file is too big.";
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${picker.dataset.url}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRFToken", picker.dataset.token);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => (bar.value = loaded / total);
    request.onloadend = () =>
      resolve(request.status === 201 ? "" : (request.response?.error ?? "This did not arrive."));
    request.send(file);
  });
}

async function uploadAll(files) {
  bar.hidden = false;
  for (const file of files) {
    bar.value = 0;
    const wrong = await upload(file);
    const name = Object.assign(document.createElement("bdi"), { textContent: file.name });
    if (wrong) error.append(name, `: ${wrong} `); // <bdi>: a name cannot turn the text after it
  }
  bar.hidden = true;
}

function sendFiles(list) {
  const files = [...list]; // a copy: the browser empties the list
  error.textContent = "";
  uploads = uploads.then(() => uploadAll(files));
}

picker.addEventListener("change", () => {
  sendFiles(picker.files);
  picker.value = ""; // so that the same file can be chosen again
});
for (const type of ["dragover", "drop"])
  document.addEventListener(type, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return; // text, for an input
    event.preventDefault(); // or the browser would leave the page and show the file
    if (type === "drop") sendFiles(event.dataTransfer.files);
  });
