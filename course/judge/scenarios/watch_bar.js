// Keeps each place at which a bar of the page is, in window.places.
window.places = [0];
setInterval(() => {
  for (const { position } of document.querySelectorAll("progress"))
    if (position > window.places.at(-1)) window.places.push(position);
}, 10);
