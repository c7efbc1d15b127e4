// Chooses files with these names and texts, as a person does in the window of the browser.
const chosen = new DataTransfer();
const input = document.querySelector("input[type=file]");
for (const [name, text] of arguments[0]) chosen.items.add(new File([text], name));
input.files = chosen.files;
input.dispatchEvent(new Event("change", { bubbles: true }));
